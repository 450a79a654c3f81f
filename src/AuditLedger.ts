/**
 * The trail of one instance in a ledger, such as a database or a stream: what sinks are made of that keep trails elsewhere.
 *
 * Records are linked here, and keep their place whatever becomes of an attempt to store them: a batch whose answer was lost is
 * given to the ledger again with the same sequence numbers and hashes, and the ledger knows what it has. A record that is chained
 * already, as those are that come through a spool, is stored as it is.
 */
import type { FileSystem } from "@effect/platform"
import { Array as Arr, Clock, Context, Duration, Effect, Either, Option, Schedule, type Scope } from "effect"
import type { AuditRecord } from "./AuditRecord.js"
import * as AuditSeals from "./AuditSeals.js"
import { AuditSinkError, type Batch, type Service, taking } from "./AuditSink.js"
import * as AuditStore from "./AuditStore.js"
import * as AuditTrail from "./AuditTrail.js"
import type * as LogFile from "./internal/logFile.js"
import * as Say from "./internal/say.js"

export interface Options {
  /**
   * The name of this writer, which no other program that runs has: letters, digits, `-`, `_` and single dots between them. Where it
   * stays the same through restarts, the chain goes on.
   */
  readonly instance: string
  /** Signs the chain. */
  readonly seals?: AuditSeals.Seals | undefined
}

/** Whose records a spool forwards, for the sink that is built behind it: under another name, its ledger would refuse them. */
export class SpooledInstance extends Context.Reference<SpooledInstance>()(
  "effect-registrar/AuditLedger/SpooledInstance",
  {
    defaultValue: (): string | undefined => undefined
  }
) {}

/** A sink that appends to the ledger as one instance, until the scope is closed. */
export const sink = (
  ledger: AuditStore.Ledger,
  { instance, seals }: Options
): Effect.Effect<Service, AuditSinkError, FileSystem.FileSystem | Scope.Scope> =>
  Effect.gen(function* () {
    const problem = AuditStore.problemOfInstance(instance)
    const misconfigured = (description: string) =>
      new AuditSinkError({ sink: ledger.name, reason: "Misconfigured", description })
    if (problem !== undefined) return yield* misconfigured(problem)
    const spooled = yield* SpooledInstance
    if (spooled !== undefined && spooled !== instance) {
      return yield* misconfigured(
        `the spool before it writes as '${spooled}', and not as '${instance}': give both one instance`
      )
    }
    const sealer = seals === undefined ? undefined : yield* AuditSeals.make(ledger.name, seals)
    const format = AuditTrail.chained({ sealer, instance })

    // Touched by one fiber at a time, under the lock.
    /** Where the trail has got to. Nothing before the first record that is to be linked: until then it is not this program's. */
    let state: AuditTrail.Chained | undefined
    /** What the ledger has not confirmed, in its order. */
    let unconfirmed: Array<AuditStore.StoredRecord> = []
    /** Those that have their place. They may be given again until all of their batch is safe. */
    const placed = new WeakSet<AuditRecord>()
    /** The batches that were stored, and may be given again as long as they were not synced. */
    let stored: ReadonlyArray<Batch> = []

    const locked = Effect.unsafeMakeSemaphore(1).withPermits(1)

    /** Places what the trail says of itself. */
    const note = (occasion: LogFile.Occasion, now: number, before: AuditTrail.Chained): AuditTrail.Chained => {
      const [text, after] = format.note(before, occasion, now)
      for (const line of text.split("\n")) {
        if (line !== "") unconfirmed.push(Either.getOrThrow(AuditStore.fromLine(instance, line)))
      }
      return (state = after)
    }

    const begin = Effect.gen(function* () {
      const { head, ...ends } = yield* ledger.ends(instance)
      const { objection, state } = format.resume(ends)
      if (objection !== undefined) return yield* misconfigured(`the trail of '${instance}' ${objection}`)
      // The last records may have been taken away, as old months are. The chain goes on all the same.
      const isShort = head !== undefined && head.seq > state.head.seq
      const from = isShort ? { ...state, head, wasClosed: false } : state
      return note({ _tag: "Opened", torn: undefined }, yield* Clock.currentTimeMillis, from)
    })

    const link = (record: AuditRecord, now: number, before: AuditTrail.Chained) => {
      const ready = format.isNoteDue(before) ? note({ _tag: "Due" }, now, before) : before
      const [text, after] = format.line(ready, record.line, now)
      const { hash, seq } = after.head
      unconfirmed.push({ instance, seq, prev: ready.head.hash, hash, record: { ...record, line: text.slice(0, -1) } })
      return (state = after)
    }

    // Nothing comes between placing a record and remembering it, or it would be placed twice.
    const place = (batch: Batch) =>
      Effect.gen(function* () {
        const missing = batch.filter((record) => !placed.has(record))
        const found = missing.map((record) => AuditStore.fromRecord(instance, record))
        let trail = found.every(Option.isSome) ? state : (state ?? (yield* begin))
        const now = yield* Clock.currentTimeMillis
        for (const [index, record] of missing.entries()) {
          const linked = found[index]!
          if (Option.isSome(linked)) unconfirmed.push(linked.value)
          else if (trail !== undefined) trail = link(record, now, trail)
          placed.add(record)
        }
      })

    const append = Effect.suspend(() => {
      if (!Arr.isNonEmptyReadonlyArray(unconfirmed)) return Effect.void
      return Effect.zipRight(
        ledger.append(unconfirmed),
        Effect.suspend(() => {
          unconfirmed = []
          return state === undefined ? Effect.void : format.settled(state)
        })
      )
    })

    const noteAndAppend = (occasion: LogFile.Occasion) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        if (state === undefined) return Effect.void
        note(occasion, now, state)
        return append
      })

    yield* Effect.addFinalizer(() =>
      locked(noteAndAppend({ _tag: "Closing" })).pipe(
        Effect.interruptible,
        Effect.timeout("5 seconds"),
        Effect.catchAll((error) => Say.warning(`The end of the trail could not be written to ${ledger.name}`, error))
      )
    )
    if (sealer !== undefined) {
      // What fails is said by whoever writes next. A defect must not end it.
      const tick = Effect.catchAllCause(locked(noteAndAppend({ _tag: "Tick" })), () => Effect.void)
      yield* Effect.forkScoped(
        Effect.repeat(tick, Schedule.spaced(Duration.millis(Math.min(sealer.everyMillis, 1000))))
      )
    }

    return taking("records", {
      write: (batch) =>
        // What is left of others first, or what was given up would be given again with each batch, and grow.
        locked(Effect.zipRight(append, Effect.zipRight(place(batch), append))).pipe(
          Effect.mapError((error) => (error instanceof AuditSinkError ? error : toSinkError(error))),
          Effect.map(() => void (stored = [...stored, batch]))
        ),
      sync: Effect.sync(() => {
        for (const batch of stored) for (const record of batch) placed.delete(record)
        stored = []
      })
    } satisfies Service)
  })

/** In the words of sinks. */
export const toSinkError = ({ store, reason, description, cause }: AuditStore.AuditStoreError): AuditSinkError =>
  new AuditSinkError({ sink: store, reason: reasons[reason], description, cause })

const reasons: Record<AuditStore.AuditStoreError["reason"], AuditSinkError["reason"]> = {
  Full: "Full",
  Unavailable: "Unavailable",
  Unwritable: "Unwritable",
  Misconfigured: "Misconfigured",
  Forked: "Claimed",
  Missing: "Misconfigured",
  InvalidQuery: "Misconfigured"
}
