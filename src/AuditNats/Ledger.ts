/**
 * Appending to chains in the stream.
 *
 * A message is published with the place of the last one of its instance, and so the server itself refuses gaps, disorder and two
 * programs that write as one. The messages of an instance wait for each other's acknowledgement. Where none comes, the same message
 * is published again: the server knows it by its id, or says that another one is there, which is then looked at. What a stream has
 * is known by number and hash, however it was cut into messages.
 */
import { headers, type MsgHdrs } from "@nats-io/transport-node"
import { Array as Arr, Effect } from "effect"
import type { AuditStoreError, Ledger, StoredRecord } from "../AuditStore.js"
import * as Say from "../internal/say.js"
import * as Chain from "./Chain.js"
import * as Failure from "./Failure.js"
import * as Message from "./Message.js"
import { takes, type Trail } from "./Trail.js"

type Records = Arr.NonEmptyReadonlyArray<StoredRecord>

interface Position extends Pick<Chain.End, "sequence" | "head"> {
  /** The last record of a message that may be there. */
  readonly attempted: number | undefined
}

/** Messages are no larger, whatever the server allows. */
const largestMessage = 1_048_576
const smallestMessage = 4096

export const make = (trail: Trail): Ledger => {
  const positions = new Map<string, Position>()

  const read = (instance: string) =>
    Effect.map(Chain.end(trail, instance), ({ head, sequence }): Position => {
      // What retention has removed is known to whoever has written it.
      const position = { sequence, head: head ?? positions.get(instance)?.head, attempted: undefined }
      positions.set(instance, position)
      return position
    })

  const publish = (instance: string, message: Message.Outgoing, sequence: number, after: number) =>
    Effect.gen(function* () {
      const { duplicate, seq } = yield* trail.ask(() =>
        trail.client.publish(trail.subjectOf(instance), message.data, {
          msgID: Message.idOf(instance, message, after),
          headers: toHeaders(Message.headersOf(message, after)),
          expect: { streamName: trail.stream, lastSubjectSequence: sequence }
        })
      )
      // It knows the message, but does not have it yet.
      if (duplicate && seq === 0) return yield* Failure.make("Unavailable", "its servers do not agree on a message yet")
      return seq
    })

  const appendChain = (instance: string, records: Records) =>
    Effect.gen(function* () {
      let position = positions.get(instance) ?? (yield* read(instance))
      const rest = yield* missingIn(trail, records, position)
      if (!Arr.isNonEmptyReadonlyArray(rest)) return
      let { sequence } = position
      for (const message of Message.cut(rest, yield* limitOf(trail), position.attempted)) {
        // A record that is given up in its middle begins again where it began: only whole ones count.
        positions.set(instance, { ...position, attempted: message.last })
        sequence = yield* publish(instance, message, sequence, position.sequence)
        if (!Message.isWhole(message)) continue
        position = { sequence, head: { seq: message.last, hash: message.hash }, attempted: undefined }
        positions.set(instance, position)
      }
    })

  /** The stream may have moved: an acknowledgement was lost, or another program writes as this instance. */
  const append = (instance: string, records: Records) =>
    Effect.retry(appendChain(instance, records), {
      times: 3,
      while: (error) => (Failure.isWrongLastSequence(error) ? Effect.as(read(instance), true) : false)
    })

  const lock = Effect.unsafeMakeSemaphore(1)

  return {
    name: Failure.store,
    ends: (instance) => Effect.tap(Chain.ends(trail, instance), ({ last }) => sayWhetherNew(trail, instance, last)),
    append: (records) =>
      lock.withPermits(1)(
        Effect.forEach(
          chainsOf(records),
          ([instance, chain]) =>
            isConsecutive(chain) ? append(instance, chain) : missing(instance, "between the records that were given"),
          { discard: true }
        )
      )
  }
}

/** What of a chain is not in the stream. */
const missingIn = (trail: Trail, records: Records, { head }: Position) =>
  Effect.gen(function* () {
    const [{ instance, prev, seq }] = records
    // Retention has removed what came before.
    if (head === undefined || (head.seq === seq - 1 && head.hash === prev)) return records
    if (head.seq < seq - 1) {
      return yield* missing(
        instance,
        `from seq ${head.seq + 1} to ${seq - 1}, unless the stream has lost them or was made anew`
      )
    }
    if (head.seq === seq - 1) return yield* forked(instance, seq)
    const same = records.find((record) => record.seq === head.seq)
    if (same !== undefined) {
      return same.hash === head.hash ? records.filter(({ seq }) => seq > head.seq) : yield* forked(instance, seq)
    }
    const last = Arr.lastNonEmpty(records)
    const found = yield* Chain.holding(trail, instance, last.seq)
    const stored = found === undefined ? [] : (yield* Chain.recordsOf(trail, found)).records
    const other = stored.find(({ seq }) => seq === last.seq)
    // Where retention has removed it, its number says that it was there.
    return other === undefined || other.hash === last.hash ? [] : yield* forked(instance, last.seq)
  })

const chainsOf = (records: Records): ReadonlyMap<string, Records> => {
  const chains = new Map<string, [StoredRecord, ...Array<StoredRecord>]>()
  for (const record of records) {
    const chain = chains.get(record.instance)
    if (chain === undefined) chains.set(record.instance, [record])
    else chain.push(record)
  }
  return chains
}

const isConsecutive = (records: Records): boolean =>
  records.every((record, index) => {
    const before = records[index - 1]
    return before === undefined || (record.seq === before.seq + 1 && record.prev === before.hash)
  })

const missing = (instance: string, where: string) =>
  Failure.make("Missing", `records of '${instance}' are missing ${where}: what comes after them is not stored`)

const forked = (instance: string, seq: number) =>
  Failure.make(
    "Forked",
    `the place of record ${seq} of '${instance}' is taken by another record: two programs write as '${instance}'`
  )

const limitOf = (trail: Trail): Effect.Effect<number, AuditStoreError> => {
  const { maxPayload, maxMessageSize } = trail
  const bytes = Math.min(largestMessage, maxPayload(), maxMessageSize > 0 ? maxMessageSize : largestMessage)
  return bytes < smallestMessage
    ? Failure.misconfigured(
        `messages may have no more than ${bytes} bytes: raise 'max_payload' of the server, or 'max_msg_size' of the stream, to at least ${smallestMessage}`
      )
    : Effect.succeed(bytes - Message.headerBytes)
}

const toHeaders = (entries: ReturnType<typeof Message.headersOf>): MsgHdrs => {
  const all = headers()
  for (const [name, value] of entries) all.set(name, value)
  return all
}

/** Fails where the stream does not hold the subject of the instance. */
export const check = (trail: Trail, instance: string): Effect.Effect<void, AuditStoreError> =>
  Effect.flatMap(trail.info, ({ config }) =>
    takes(config, trail.subjectOf(instance))
      ? Effect.void
      : Failure.misconfigured(
          `the stream '${trail.stream}' does not hold '${trail.subjectOf(instance)}': add '${trail.subjects}' to its subjects, or correct 'subject'`
        )
  )

/** A chain that begins where retention has removed records may have begun before, and would be a fork. */
const sayWhetherNew = (trail: Trail, instance: string, last: string | undefined) =>
  Effect.gen(function* () {
    if (last !== undefined || (yield* trail.bounds).first <= 1) return
    yield* Say.warning(
      `The stream '${trail.stream}' has removed records, and has none of '${instance}': its chain begins. If '${instance}' has written before, give it another name`
    )
  })
