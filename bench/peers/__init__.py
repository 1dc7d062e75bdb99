"""What a team would assemble instead, each as its own documentation has it, with the same events, scores and
durability: an event counts once, its points are in Postgres with a history of the score, and somebody who watches is
told."""
