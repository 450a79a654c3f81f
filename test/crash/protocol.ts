/**
 * What the parent and its child say to each other.
 *
 * The parent sends one line of JSON, a `Life`, when the child is to begin. The child answers in lines of a letter and what
 * belongs to it; each is written with one synchronous call, so that a kill never takes back what was said.
 */

/** How a trail is written. It stays the same for all lives of the trail. */
export interface Trail {
  readonly path: string
  readonly maxBytes: number
  readonly compress: boolean
  readonly keepFiles?: number
  /** Where what retention and compression remove is kept for the inspection. */
  readonly removed: string
  readonly privateKey: string
  readonly sealEveryRecords: number
  readonly sealEveryMillis: number
  /** The second place of the seals. */
  readonly outsideSeals?: string
}

export interface Life {
  readonly trail: Trail
  /** The first one has the number 1. */
  readonly number: number
  readonly seed: number
  /** After so many events the child closes the trail, and ends. */
  readonly events: number
  readonly end?: Target
}

/** An operation on a file at which the child ends itself. */
export interface Target {
  /** As announced in a message `p`. */
  readonly place: string
  /** The how manieth operation there, from 1 on. */
  readonly occurrence: number
  readonly moment: Moment
  /** So long everything else goes on meanwhile. */
  readonly pauseMillis: number
}

/** `half` is for writes. */
export type Moment = "before" | "half" | "after"

export type Message =
  /** The program is loaded, and waits for its life. */
  | readonly ["r"]
  /** The trail is open. */
  | readonly ["o"]
  /** The event with the number `n` of the fiber is durable, and so are those before it. */
  | readonly ["a", fiber: number, n: number]
  /** There is such a place: the first operation there in this life. */
  | readonly ["p", place: string]
  /** The target is reached: the child is dead next. */
  | readonly ["k"]
  /** The trail is about to be closed. */
  | readonly ["c"]
  /** The trail is closed. */
  | readonly ["e"]
  /** Something failed that must not. */
  | readonly ["f", description: string]

export const render = ([letter, ...rest]: Message): string => `${letter}${JSON.stringify(rest)}\n`

/** Trusts its input, which only `render` makes. */
export const parse = (line: string): Message => [line[0], ...(JSON.parse(line.slice(1)) as [])] as unknown as Message

/** Most events that a fiber adds before it requires one: so many may be stored beyond what was acknowledged. */
export const mostAdded = 3

/** The event of the child, and what its details hold. */
export const eventType = "crash-worked"

export interface Details {
  readonly life: number
  readonly fiber: number
  readonly n: number
}
