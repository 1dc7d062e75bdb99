// What is kept survives the page where the browser lets it, and works without where it does not.

import assert from "node:assert/strict";
import { test } from "node:test";

import { openStore } from "../src/store.ts";
import { storageOf } from "./fakes.ts";

test("two stores of one prefix see the same, others nothing", () => {
  const area = storageOf();
  const [one, other, foreign] = ["a.", "a.", "b."].map((prefix) => openStore(prefix, () => area));
  one!.set("visitor", "v");
  assert.equal(other!.get("visitor"), "v");
  assert.equal(foreign!.get("visitor"), null);
  foreign!.set("visitor", "w");
  other!.clear();
  assert.equal(one!.get("visitor"), null);
  assert.equal(foreign!.get("visitor"), "w");
});

test("names are sorted and begin as asked", () => {
  const area = storageOf();
  const store = openStore("a.", () => area);
  for (const name of ["q:2", "visitor", "q:10", "q:1"]) store.set(name, "x");
  assert.deepEqual(store.names("q:"), ["q:1", "q:10", "q:2"]);
});

test("without storage things are kept in memory", () => {
  const store = openStore("a.", () => {
    throw new DOMException("denied", "SecurityError");
  });
  store.set("q:1", "x");
  assert.equal(store.get("q:1"), "x");
  assert.deepEqual(store.names("q:"), ["q:1"]);
  store.remove("q:1");
  assert.equal(store.get("q:1"), null);
});

test("what does not fit is kept in memory, and goes to storage when it does", () => {
  const area = storageOf(20);
  const store = openStore("a.", () => area);
  store.set("b", "x".repeat(10));
  store.set("c", "y".repeat(10));
  assert.equal(area.getItem("a.c"), null);
  assert.equal(store.get("c"), "y".repeat(10));
  assert.deepEqual(store.names(""), ["b", "c"]);
  store.remove("b");
  store.set("c", "z");
  assert.equal(area.getItem("a.c"), "z");
  assert.equal(store.get("c"), "z");
});
