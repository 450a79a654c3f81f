/**
 * The chain of one instance as the stream holds it: where it ends, and where in it a record is.
 */
import { Effect, Either } from "effect"
import { genesis, type Head } from "../AuditChain.js"
import type { AuditStoreError, Ends, StoredRecord } from "../AuditStore.js"
import * as Failure from "./Failure.js"
import * as Message from "./Message.js"
import type { Reader, Stored } from "./Trail.js"

/** Where a chain ends in the stream. */
export interface End {
  /** The place of the last message of the instance, or 0. It may be a part of a record that was given up. */
  readonly sequence: number
  /** The last message with which a record ends. */
  readonly whole: Stored | undefined
  /** The last record. Unknown where retention has removed it. */
  readonly head: Head | undefined
}

export const end = (trail: Reader, instance: string): Effect.Effect<End, AuditStoreError> =>
  Effect.gen(function* () {
    const last = yield* trail.last(instance)
    let found = last
    while (found !== undefined) {
      const message = yield* extentOf(trail, found)
      if (Message.isWhole(message)) {
        return { sequence: last!.sequence, whole: found, head: { seq: message.last, hash: message.hash } }
      }
      if (message.after === 0) return { sequence: last!.sequence, whole: undefined, head: genesis }
      const before: Stored | undefined = yield* trail.at(message.after)
      if (before !== undefined && (before.instance !== instance || before.sequence >= found.sequence)) {
        return yield* strange(trail, found, "its headers name a message before it that is none of this instance")
      }
      found = before
    }
    if (last !== undefined) return { sequence: last.sequence, whole: undefined, head: undefined }
    const { first } = yield* trail.bounds
    return { sequence: 0, whole: undefined, head: first > 1 ? undefined : genesis }
  })

const extentOf = (trail: Reader, found: Stored) =>
  Either.match(found.message, { onRight: Effect.succeed, onLeft: (problem) => strange(trail, found, problem) })

const strange = (trail: Reader, { instance, sequence }: Stored, problem: string) =>
  Failure.make(
    "Forked",
    `somebody else publishes to '${trail.subjectOf(instance)}': of the message with the sequence number ${sequence}, ${problem}`
  )

/** The first and the last line. */
export const ends = (trail: Reader, instance: string): Effect.Effect<Ends, AuditStoreError> =>
  Effect.gen(function* () {
    const { whole: last } = yield* end(trail, instance)
    if (last === undefined) return { first: undefined, last: undefined }
    let first = yield* trail.next(instance, 0)
    while (first !== undefined && !Message.endsRecord(first.message)) {
      first = yield* trail.next(instance, first.sequence)
    }
    return {
      first: first === undefined ? undefined : (yield* linesOf(trail, first))[0],
      last: (yield* linesOf(trail, last)).at(-1)
    }
  })

/** The lines of a message with which a record ends. */
export const linesOf = (trail: Reader, found: Stored): Effect.Effect<ReadonlyArray<string>, AuditStoreError> =>
  Effect.map(dataOf(trail, found), Message.linesOf)

/** The records of a message with which one ends, and what is wrong with the first that is none. */
export const recordsOf = (
  trail: Reader,
  found: Stored
): Effect.Effect<
  { readonly records: ReadonlyArray<StoredRecord>; readonly problem: string | undefined },
  AuditStoreError
> =>
  Either.match(found.message, {
    onLeft: (problem) => Effect.succeed({ records: [], problem }),
    onRight: (message) => Effect.map(dataOf(trail, found), (data) => Message.recordsOf(found.instance, message, data))
  })

/** With the parts before it, where it is the last part of a record. */
const dataOf = (trail: Reader, last: Stored): Effect.Effect<Uint8Array, AuditStoreError> =>
  Effect.gen(function* () {
    const message = Either.getOrUndefined(last.message)
    if (message?.part === undefined) return last.data
    const parts: Array<Uint8Array> = []
    let at = message.after
    while (parts.length < message.part.of - 1) {
      const part = yield* trail.next(last.instance, at)
      const number = part === undefined ? undefined : numberOf(part, message.hash)
      // One that is missing leaves a record that is damaged, and found to be.
      if (part === undefined || number === undefined || number > parts.length + 1) break
      at = part.sequence
      // The servers of a cluster that did not agree may have it twice.
      if (number === parts.length + 1) parts.push(part.data)
    }
    return Buffer.concat([...parts, last.data])
  })

/** Which part it is of the record with this hash. */
const numberOf = ({ message }: Stored, hash: string): number | undefined => {
  const extent = Either.getOrUndefined(message)
  return extent?.hash === hash ? extent.part?.number : undefined
}

/**
 * The first message with which a record ends that has this number or a later one: it holds the record, unless retention has removed
 * that, or it was never there. The numbers grow along the stream, and so it is looked for in the middle of what is left.
 */
export const holding = (
  trail: Reader,
  instance: string,
  seq: number
): Effect.Effect<Stored | undefined, AuditStoreError> =>
  Effect.gen(function* () {
    let found: Stored | undefined
    // It is found, or lies after `low` and not after `high`.
    let low = 0
    let high = (yield* trail.bounds).last
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const next = yield* wholeAfter(trail, instance, middle)
      if (next === undefined || next.sequence > high) high = middle
      else if (lastOf(next) < seq) low = next.sequence
      else {
        found = next
        high = middle
      }
    }
    return found
  })

/** The first message after this place with which a record ends. */
export const wholeAfter = (trail: Reader, instance: string, after: number) =>
  Effect.gen(function* () {
    let found = yield* trail.next(instance, after)
    while (found !== undefined && !Message.endsRecord(found.message)) {
      found = yield* trail.next(instance, found.sequence)
    }
    return found
  })

const lastOf = ({ message }: Stored): number => Either.match(message, { onLeft: () => 0, onRight: ({ last }) => last })
