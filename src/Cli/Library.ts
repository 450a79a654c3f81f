/**
 * The parts of the library that need all of the platform, and 20 MB with it: loaded by the commands that use them.
 */
import { Effect } from "effect"

export const load = Effect.promise(() => import("../Catalogue.js"))
