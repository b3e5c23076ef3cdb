import assert from "node:assert/strict";
import { test } from "node:test";
import { describe } from "../src/page/proof_text.js";
import { printable } from "../../edge/tlpipe_edge/live_page/printable.js";
import { counted, size } from "../src/page/text.js";

test("control and bidirectional characters are escapes, as tlpipe_edge prints them", () => {
  assert.equal(printable("a\u202eb\x1b[2J\n\t\r\x7f\u{e0001}\u2028"), "a\\u202eb\\x1b[2J\\n\\t\\r\\x7f\\U000e0001\\u2028");
  assert.equal(printable("\ud800"), "\\ud800");
});

test("letters of every script stay", () => {
  for (const label of ["猫", "فستان", "Übergröße", "T-shirt", "👗", "<b>&amp;</b>", "ノ　ー", "می‌خواهم", "क्‍ष", "👨‍👩‍👧"]) assert.equal(printable(label), label);
});

test("sizes and counts", () => {
  assert.deepEqual([size(0), size(45_300), size(2_800_000)], ["0 kB", "45 kB", "2.8 MB"]);
  assert.deepEqual([counted(1, "label"), counted(1234, "label")], ["1 label", "1,234 labels"]);
});

const difference = { asset: "tests/1.png", largest: 0.03125, expected: "cat", found: "dog" };

test("a self-test that has passed says how many", () => {
  const said = describe({ equal: 6, count: 6, passed: true, differences: [] });
  assert.deepEqual(said, { status: "Same as the device: 6 of 6", warning: "" });
});

test("one that has failed says what differs, and not more than three", () => {
  const differences = [difference, { ...difference, found: "cat" }, { ...difference, largest: Infinity }, difference];
  const { status, warning } = describe({ equal: 2, count: 6, passed: false, differences });
  assert.equal(status, "Differs from the device: 4 of 6");
  assert.match(warning, /by up to 0\.0313, dog instead of cat; tests\/1\.png by up to 0\.0313; .* could not be classified; and others/);
});

test("no test image at all proves nothing", () => {
  assert.equal(describe({ equal: 0, count: 0, passed: false, differences: [] }).status, "Not compared with the device");
});

test("hostile labels are inert in a warning, too", () => {
  const differences = [{ ...difference, found: "a\u202eb" }];
  assert.match(describe({ equal: 5, count: 6, passed: false, differences }).warning, /a\\u202eb instead of cat/);
});
