/**
 * What all documents say in the same words.
 */
import { Duration } from "effect"
import type * as Data from "./Data.js"

/** How a document is made. */
export interface Options {
  /** What it is called; default: `Errors and audit events`. */
  readonly title?: string | undefined
}

export const defaultTitle = "Errors and audit events"

export const collapseText = ({ withinMillis, by }: NonNullable<Data.EventEntry["collapse"]>): string => {
  const window = Duration.format(Duration.millis(withinMillis))
  const same =
    by === undefined ? "with the same details" : by.length === 0 ? "of this type" : `with the same ${by.join(", ")}`
  return `Events ${same} within ${window} are one record, and a count of the others.`
}
