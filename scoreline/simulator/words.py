"""The names things have in simulated journeys. All domains end in .example, which nobody owns (RFC 2606)."""

FIRST_NAMES = (
    "ada", "alan", "aisha", "amara", "anders", "anika", "arjun", "barbara", "bilal", "carla", "chen",
    "claude", "dana", "diego", "dorothy", "edsger", "elena", "emeka", "emmy", "erik", "fatima", "felix",
    "grace", "hana", "hedy", "hugo", "ines", "ivan", "jana", "joan", "jonas", "kamal", "karen", "kenji",
    "lars", "leila", "lena", "linus", "lucia", "mai", "marek", "maria", "mateo", "mina", "nadia", "niels",
    "noor", "olga", "omar", "paula", "pavel", "priya", "radia", "rafael", "sara", "sofia", "stefan",
    "tariq", "tomas", "vera", "wei", "yara", "yusuf", "zoe",
)  # fmt: skip

LAST_NAMES = (
    "adeyemi", "almeida", "andersen", "bakker", "banerjee", "berg", "bianchi", "castillo", "cohen",
    "costa", "dubois", "eriksen", "fischer", "fournier", "garcia", "haddad", "hansen", "hoffmann",
    "horvat", "ibrahim", "ito", "jansen", "kaur", "keller", "khan", "kim", "kovac", "kowalski", "larsen",
    "lefebvre", "lindberg", "lopez", "maier", "marino", "mbeki", "meyer", "moreau", "morales", "nakamura",
    "nguyen", "novak", "okafor", "oliveira", "osei", "park", "patel", "petrov", "quist", "ramos", "rossi",
    "sato", "schmidt", "silva", "singh", "soto", "tanaka", "varga", "virtanen", "weber", "wójcik", "yilmaz",
    "zhang",
)  # fmt: skip

COMPANIES = (
    "alder-labs", "amberline", "arcadia-freight", "basalt-energy", "bluefjord", "brightwell", "cedar-and-co",
    "cinderpath", "clearwater-bank", "cobalt-health", "copperleaf-foods", "dunes-media", "eastgate-retail",
    "elmwood-legal", "fernhill", "flintstream", "glasshouse", "granite-insurance", "greyport", "halcyon-air",
    "harbourworks", "indigo-mobility", "ironbridge", "juniper-pharma", "kestrel-robotics", "kilnworks",
    "larkspur", "lowland-logistics", "marlin-data", "meadowgate", "millrace", "moonrise-games", "northlight",
    "oakhaven", "opaline", "orchard-systems", "paperbird", "pinecrest-steel", "quarry-tools", "quillworks",
    "ravenhall", "redstart", "riverstone", "saltmarsh", "sandpiper-travel", "silverbirch", "slatework",
    "stonebridge-capital", "sundial", "tallgrass", "tidewater-shipping", "timberline", "umbra-security",
    "vale-and-vine", "verdant-homes", "waypoint-schools", "westlake-dental", "willowbrook", "wrenfield", "zephyr",
)  # fmt: skip

PAGES = (
    "/", "/product", "/product/scoring", "/product/integrations", "/customers", "/customers/riverstone",
    "/blog/what-is-lead-scoring", "/blog/decay-explained", "/blog/speed-to-lead", "/docs", "/docs/quickstart",
    "/docs/api", "/security", "/about", "/careers",
)  # fmt: skip
LATE_PAGES = ("/pricing", "/pricing/enterprise", "/compare", "/security", "/docs/api", "/contact")
CAMPAIGNS = ("spring-launch", "benchmark-report", "webinar-invite", "product-news", "win-back")
ASSETS = (
    "scoring-playbook",
    "benchmark-report-2026",
    "roi-calculator",
    "security-whitepaper",
    "buyers-guide",
)
WEBINARS = ("scoring-in-an-hour", "from-mql-to-sql", "ask-the-engineers")
FORMS = ("contact-us", "newsletter", "pricing-request", "trial-request")
REFERRERS = ("search", "newsletter", "partner", "social", "direct")
PLANS = ("starter", "team", "enterprise")
SOURCES = {
    "page_view": "web",
    "email_open": "mailer",
    "email_click": "mailer",
    "unsubscribe": "mailer",
    "bounce": "mailer",
    "spam_complaint": "mailer",
    "webinar_attended": "webinars",
    "purchase": "billing",
    "refund": "billing",
    "contract_signed": "crm",
}
"""The system that reports a type; the site reports all others."""
