/** What the parent and the child of a spool say to each other, besides what `protocol.ts` says. */
import type { Target } from "./protocol.js"

/** It stays the same for all lives of a spool. */
export interface SpoolPlace {
  readonly path: string
  /** The file of the SQLite database. */
  readonly database: string
  readonly maxBytes: number
  readonly segmentBytes: number
  /** What is removed is kept here. */
  readonly removed: string
}

export interface SpoolLife {
  readonly place: SpoolPlace
  /** The first one has the number 1. */
  readonly number: number
  readonly seed: number
  /** After so many events the child waits until all is forwarded, and closes the spool. */
  readonly events: number
  /** How often the database fails or is slow, from 0 to 1. */
  readonly trouble: number
  readonly end?: Target | undefined
}

export const instance = "web-1"

export const eventType = "crash-worked"
