/** The self-test in words. */

import { printable } from "../../../edge/tlpipe_edge/live_page/printable.js";
import { counted } from "./text.js";

/**
 * @param {import("../proof/self_test.js").Proof} proof
 * @returns {{status: string, warning: string}} `warning` is empty if it has passed
 */
export function describe({ equal, count, passed, differences }) {
  if (count === 0) {
    const warning = "There is no test image to compare with the device. So no label here is certain.";
    return { status: "Not compared with the device", warning };
  }
  if (passed) return { status: `Same as the device: ${equal} of ${count}`, warning: "" };
  const status = `Differs from the device: ${count - equal} of ${count}`;
  const each = differences.map(({ asset, largest, expected, found }) => {
    if (!Number.isFinite(largest)) return `${asset} could not be classified`;
    const labels = expected === found || found === "" ? "" : `, ${printable(found)} instead of ${printable(expected)}`;
    return `${asset} by up to ${largest.toFixed(4)}${labels}`;
  });
  const named = each.slice(0, 3).join("; ") + (each.length > 3 ? "; and others" : "");
  const how = `${counted(differences.length, "test image")} of ${count} differ (${named})`;
  const warning = `This browser does not give the scores of the device: ${how}. So no label here is certain.`;
  return { status, warning };
}
