/** What runs the model. */

import { version } from "@litertjs/core/package.json";

export const RUNTIME = { name: "LiteRT.js", version };
