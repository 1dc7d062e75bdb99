"""Load: each module is a lean process of its own, with what it sends serialised beforehand, so that as little as can
be of the two cores goes to asking. docs/performance.md says how much does."""
