// Names of properties. What is read of real elements is tested in a browser (tests/e2e/test_web.py).

import assert from "node:assert/strict";
import { test } from "node:test";

import { propertyOf } from "../src/elements.ts";
import { randomId } from "../src/events.ts";

test("attributes name properties in snake case", () => {
  assert.equal(propertyOf("data-scoreline-plan"), "plan");
  assert.equal(propertyOf("data-scoreline-plan-name"), "plan_name");
});

test("ids are random UUIDs", () => {
  const ids = Array.from({ length: 1_000 }, randomId);
  assert.equal(new Set(ids).size, ids.length);
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
