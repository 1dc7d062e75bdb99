var e = /@|%40/i, t = /^#!?(\/[^?#]*)/;
function n(n) {
	let r = t.exec(n.hash);
	return (n.pathname + (r ? "#" + r[1] : "")).replace(/[^/#]+/g, (t) => e.test(t) ? "*" : t).slice(0, 500);
}
function r(e, t) {
	let r;
	try {
		r = new URL(e, t);
	} catch {
		return;
	}
	return /^https?:$/.test(r.protocol) ? r.host + n(r) : void 0;
}
function i(t) {
	let n = {};
	for (let [r, i] of t.searchParams) /^utm_\w{1,20}$/.test(r) && i && !e.test(i) && (n[r] = i.slice(0, 500));
	return n;
}
// src/events.ts
function a() {
	let e = crypto.getRandomValues(/* @__PURE__ */ new Uint8Array(16));
	return e[6] = e[6] & 15 | 64, e[8] = e[8] & 63 | 128, Array.from(e, (e) => e.toString(16).padStart(2, "0")).join("").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
var o = class {
	#e;
	constructor(e) {
		this.#e = e;
	}
	add(e, t) {
		let n = this.#e.names("q:");
		n.slice(0, Math.max(0, n.length - 200 + 1)).forEach(this.#e.remove), this.#e.set("q:" + String(t).padStart(15, "0") + ":" + e.event_id, JSON.stringify(e));
	}
	batch(e, t) {
		let n = [], r = [], i = 0;
		for (let a of this.#e.names("q:")) {
			let o = e.has(a) ? null : this.#e.get(a);
			if (o === null) continue;
			let s = new TextEncoder().encode(o).length + 1;
			if (n.length === t || n.length > 0 && i + s > 6e4) break;
			n.push(a), r.push(o), i += s;
		}
		return n.length > 0 ? {
			names: n,
			events: `[${r.join(",")}]`
		} : void 0;
	}
	remove(e) {
		e.forEach(this.#e.remove);
	}
}, s = 1e3, c = 2e4, l = 2e3, u = 3e5, d = 36e5, f = 5e3, p = /* @__PURE__ */ new Set([8, 14]), m = "quiet", h = class {
	#e;
	#t;
	#n;
	#r;
	#i;
	#a = Infinity;
	#o = 0;
	#s = !1;
	#c = !1;
	#l = 50;
	#u = new AbortController();
	#d = /* @__PURE__ */ new Set();
	#f = [];
	constructor(e, t, n, r) {
		this.#e = e, this.#t = t, this.#n = n, this.#r = r;
	}
	soon() {
		this.#p(s);
	}
	online() {
		this.#o = 0, clearTimeout(this.#i), this.#a = Infinity, this.soon();
	}
	leave() {
		if (!(this.#c || this.#b() > 0)) for (;;) {
			let e = this.#e.batch(/* @__PURE__ */ new Set([...this.#d, ...this.#f]), 50);
			if (!e || !this.#r.beacon(this.#n, this.#_(e))) return;
			e.names.forEach((e) => this.#d.add(e));
		}
	}
	stop() {
		this.#c = !0, clearTimeout(this.#i), this.#u.abort();
	}
	#p(e) {
		let t = this.#r.now() + e;
		this.#c || t >= this.#a || this.#o > 0 && this.#a < Infinity || (clearTimeout(this.#i), this.#a = t, this.#i = setTimeout(() => {
			this.#a = Infinity, this.#m();
		}, e));
	}
	async #m() {
		if (this.#s || this.#c) return;
		this.#s = !0;
		let { locks: e } = this.#r, t = e ? await e.request(this.#n, { ifAvailable: !0 }, (e) => e ? this.#h() : s).catch(() => this.#h()) : await this.#h();
		this.#s = !1, t !== void 0 && this.#p(t);
	}
	async #h() {
		for (;;) {
			let e = this.#b(), t = this.#e.batch(/* @__PURE__ */ new Set(), this.#l);
			if (this.#c || !t) return;
			if (e > 0) return e;
			this.#f = t.names;
			let n = await this.#g(t);
			if (this.#f = [], n) {
				if (this.#e.remove(n), n.length < t.names.length) return this.#x();
				this.#o = 0, this.#l = 50;
			}
		}
	}
	async #g(e) {
		let t = setTimeout(() => this.#u.abort(), c);
		try {
			let t = await this.#r.fetch(this.#n, {
				method: "POST",
				body: this.#_(e),
				headers: { "content-type": "text/plain" },
				keepalive: !0,
				credentials: "omit",
				referrerPolicy: "origin",
				signal: this.#u.signal
			});
			if (t.ok) return this.#v(e, await t.json());
			if (t.status === 429 || t.status >= 500 || t.status === 408) return this.#y(Number(t.headers.get("retry-after"))), [];
			if (t.status === 400 && e.names.length > 1) {
				this.#l = e.names.length >> 1;
				return;
			}
			return this.#r.report(`the server refuses events with status ${t.status}`), e.names;
		} catch {
			return [];
		} finally {
			clearTimeout(t), this.#c || (this.#u = new AbortController());
		}
	}
	#_(e) {
		return `{"sent_time":"${new Date(this.#r.now()).toISOString()}","events":${e.events}}`;
	}
	#v(e, t) {
		return e.names.filter((e, n) => {
			let r = t.results[n].error;
			return r && p.has(r.code) ? !1 : (r && this.#r.report(`the server refuses an event: ${r.message}`), !0);
		});
	}
	#y(e) {
		if (this.#c || !(e > 0)) return;
		let t = Math.min(e * 1e3, d) + this.#r.random() * f;
		this.#t.set(m, String(this.#r.now() + t));
	}
	#b() {
		let e = Number(this.#t.get(m)) - this.#r.now();
		return e > 3605e3 ? 0 : e;
	}
	#x() {
		let e = Math.min(l * 2 ** this.#o++, u);
		return Math.max(e * (.5 + this.#r.random() / 2), this.#b());
	}
};
// src/store.ts
function g(e, t) {
	let n = /* @__PURE__ */ new Map(), r = (e, n) => {
		try {
			return e(t());
		} catch {
			return n;
		}
	}, i = {
		get: (t) => n.get(t) ?? r((n) => n.getItem(e + t), null),
		set(t, i) {
			n.delete(t), r((n) => (n.setItem(e + t, i), !0), !1) || n.set(t, i);
		},
		remove(t) {
			n.delete(t), r((n) => n.removeItem(e + t), void 0);
		},
		names(t) {
			let i = r((e) => Object.keys(e), []).filter((t) => t.startsWith(e)).map((t) => t.slice(e.length));
			return [.../* @__PURE__ */ new Set([...i, ...n.keys()])].filter((e) => e.startsWith(t)).sort();
		},
		clear: () => i.names("").forEach(i.remove)
	};
	return i;
}
// src/elements.ts
var _ = "data-scoreline", v = `[${_}-ignore]`, y = /^(hidden|password|submit|button|image|reset)$/;
function b(e) {
	let t = {};
	for (let { name: n, value: r } of e.attributes) n.startsWith(_ + "-") && (t[x(n)] = r);
	return t;
}
function x(e) {
	return e.slice(15).replace(/-/g, "_");
}
function S(e) {
	if (!(e instanceof Element) || e.closest(v)) return;
	let t = e.closest(`[${_}]:not(form)`);
	return t ? {
		type: t.getAttribute(_) || "click",
		properties: b(t)
	} : void 0;
}
function C(e) {
	if (!(e instanceof HTMLFormElement) || e.closest(v)) return;
	let t = (t) => (e.getAttribute(t) ?? "").slice(0, 500), n = r(t("action"), document.baseURI);
	return {
		type: t(_) || "form_submit",
		properties: {
			form: t("id") || t("name") || n,
			action: n,
			fields: w(e),
			...b(e)
		}
	};
}
function w(e) {
	let t = /* @__PURE__ */ new Set();
	for (let n of document.querySelectorAll("input,select,textarea")) {
		let { name: r, type: i } = n;
		n.form !== e || y.test(i) || n.closest(v) || r && r.length <= 500 && !r.includes("@") && t.add(r);
	}
	return [...t].slice(0, 50);
}
// src/visit.ts
function T(e, t) {
	let { seen: n, clicked: r, submitted: i } = e, a = new AbortController(), o = (e, n, r) => e.addEventListener(n, (e) => t(() => r(e)), {
		capture: !0,
		signal: a.signal
	});
	if (n) {
		for (let e of ["pushState", "replaceState"]) E(e, () => t(() => n(!1)), a.signal);
		for (let e of ["popstate", "hashchange"]) o(window, e, () => n(!1));
		o(window, "pageshow", (e) => e.persisted && n(!0));
		let e = () => n(!0);
		"prerendering" in document && document.prerendering ? o(document, "prerenderingchange", e) : t(e);
	}
	return r && o(window, "click", (e) => {
		let t = S(e.composedPath()[0]);
		t && r(t);
	}), i && o(window, "submit", (e) => {
		let t = C(e.target);
		t && i(t);
	}), o(window, "pagehide", e.left), o(document, "visibilitychange", () => document.hidden ? e.left() : e.back()), o(window, "online", e.online), o(window, "storage", e.stored), () => a.abort();
}
function E(e, t, n) {
	let r = history[e], i = function(...e) {
		r.apply(this, e), n.aborted || t();
	};
	history[e] = i, n.addEventListener("abort", () => {
		history[e] === i && (history[e] = r);
	});
}
// src/client.ts
var D = "consent", O = "visitor", k = class {
	#e;
	#t;
	#n;
	#r;
	#i;
	#a = 0;
	#o;
	#s = /* @__PURE__ */ new Set();
	constructor(e) {
		this.#e = e, this.#t = g(`scoreline.${e.key}.`, () => localStorage), this.#n = new o(this.#t), this.#p() ? this.#t.clear() : this.#m() && this.#l();
	}
	track(e, t = {}) {
		this.#m() && this.#d(e, t);
	}
	identify({ email: e, externalId: t, ...n }) {
		this.#m() && this.#d("identify", n, {
			...e && { email: e },
			...(t || t === 0) && { external_id: String(t) }
		});
	}
	page(e = {}) {
		if (!this.#m()) return;
		let t = new URL(location.href), a = t.host + n(t), o = this.#o ?? r(document.referrer);
		this.#o = a, this.#d("page_view", {
			path: n(t),
			host: t.host,
			...o && { referrer: o },
			...i(t),
			...e
		});
	}
	consent(e) {
		this.#p() || (e ? (this.#t.set(D, "yes"), this.#l()) : this.#c());
	}
	reset() {
		this.#t.remove(O);
	}
	stop() {
		this.#i?.(), this.#r?.stop(), this.#i = this.#r = void 0;
	}
	guarded(e) {
		try {
			e();
		} catch (e) {
			this.#h(String(e));
		}
	}
	#c() {
		this.stop(), this.#t.clear(), this.#e.consent !== "required" && this.#t.set(D, "no");
	}
	#l() {
		if (this.#r) return;
		let { key: e, endpoint: t, pageViews: r, clicks: i, forms: a } = this.#e, o = `${t.replace(/\/+$/, "")}/v1/track?api_key=${encodeURIComponent(e)}`, s = new h(this.#n, this.#t, o, {
			fetch: (e, t) => fetch(e, t),
			beacon: (e, t) => navigator.sendBeacon(e, t),
			locks: navigator.locks,
			now: Date.now,
			random: Math.random,
			report: (e) => this.#h(e)
		});
		this.#r = s;
		let c = ({ type: e, properties: t }) => this.track(e, {
			path: n(new URL(location.href)),
			...t
		});
		this.#i = T({
			...r !== !1 && { seen: (e) => this.#u(e) },
			...i !== !1 && { clicked: c },
			...a !== !1 && { submitted: c },
			left: () => this.#m() && s.leave(),
			back: () => this.#m() && s.soon(),
			online: () => this.#m() && s.online(),
			stored: () => this.#m() || this.#c()
		}, (e) => this.guarded(e)), s.soon();
	}
	#u(e) {
		(e || r(location.href) !== this.#o) && this.page();
	}
	#d(e, t, n = {}) {
		if (typeof e != "string" || Object.prototype.toString.call(t) !== "[object Object]") throw TypeError("an event needs a type and an object of properties");
		this.#a = Math.max(Date.now(), this.#a + 1), this.#n.add({
			event_id: a(),
			type: e,
			anonymous_id: this.#f(),
			...n,
			occur_time: new Date(this.#a).toISOString(),
			source: this.#e.source ?? "web",
			properties: t
		}, this.#a), this.#l(), this.#r?.soon();
	}
	#f() {
		let e = this.#t.get(O);
		if (e) return e;
		let t = a();
		return this.#t.set(O, t), t;
	}
	#p() {
		let { doNotTrack: e, globalPrivacyControl: t } = navigator;
		return this.#e.respectDoNotTrack !== !1 && (e === "1" || t === !0);
	}
	#m() {
		if (this.#p()) return !1;
		let e = this.#t.get(D);
		return this.#e.consent === "required" ? e === "yes" : e !== "no";
	}
	#h(e) {
		this.#e.debug && !this.#s.has(e) && (this.#s.add(e), console.warn("scoreline: " + e));
	}
};
// src/index.ts
function A() {
	let e, t = [], n = (n) => {
		if (e) return e.guarded(() => n(e));
		t = [...t.slice(-99), n];
	};
	return {
		init(r) {
			try {
				e?.stop(), e = new k(r);
			} catch (e) {
				console.warn("scoreline: cannot begin: " + e);
				return;
			}
			let i = t;
			t = [], i.forEach(n);
		},
		track: (e, t) => n((n) => n.track(e, t)),
		identify: (e) => n((t) => t.identify(e)),
		page: (e) => n((t) => t.page(e)),
		consent: (e) => n((t) => t.consent(e)),
		reset: () => n((e) => e.reset())
	};
}
var j = A();
export { A as createScoreline, j as scoreline };
