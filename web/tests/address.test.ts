// What of an address may leave the page.

import assert from "node:assert/strict";
import { test } from "node:test";

import { campaignOf, pathOf, placeOf, TEXT_MAX } from "../src/address.ts";

const path = (address: string): string => pathOf(new URL(address));

test("a path goes without query and fragment", () => {
  assert.equal(path("https://example.com/pricing?email=ada@example.com#top"), "/pricing");
});

test("a route behind the # is part of the path, its query is not", () => {
  assert.equal(path("https://example.com/app#/pricing?token=secret"), "/app#/pricing");
  assert.equal(path("https://example.com/#!/pricing"), "/#/pricing");
  assert.equal(path("https://example.com/#access_token=secret"), "/");
});

test("segments like e-mail addresses are hidden, escaped or not", () => {
  assert.equal(path("https://example.com/u/ada@example.com/edit"), "/u/*/edit");
  assert.equal(path("https://example.com/u/ada%40example.com"), "/u/*");
  assert.equal(path("https://example.com/#/u/ada@example.com"), "/#/u/*");
});

test("a long path is cut", () => {
  assert.equal(path("https://example.com/" + "x".repeat(2_000)).length, TEXT_MAX);
});

test("a place is host and path of an address of the web", () => {
  assert.equal(placeOf("https://user:password@example.com:8443/a?b#c"), "example.com:8443/a");
  assert.equal(placeOf("/send?to=ada", "https://example.com/form"), "example.com/send");
  for (const other of ["mailto:ada@example.com", "javascript:alert(1)", "about:blank", "", "http://"]) {
    assert.equal(placeOf(other), undefined);
  }
});

test("of a query only campaign parameters go", () => {
  const query = "utm_source=news&utm_medium=mail&q=secret&utm_content=ada%40example.com&utm_term=";
  assert.deepEqual(campaignOf(new URL("https://example.com/?" + query)), { utm_source: "news", utm_medium: "mail" });
});
