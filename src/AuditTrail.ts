/**
 * What a trail says about itself, and how its records are stored: as they are, or linked and sealed. Pure: where it is stored
 * is for a sink to say.
 */
import { DateTime, Effect, Either, Option, Schema } from "effect"
import * as AuditChain from "./AuditChain.js"
import type * as AuditEvent from "./AuditEvent.js"
import * as AuditRecord from "./AuditRecord.js"
import * as BuiltInEvents from "./BuiltInEvents.js"
import { isJsonText } from "./internal/jsonText.js"
import type * as LogFile from "./internal/logFile.js"

/** What seals the chain of a trail. */
export interface Sealer {
  readonly everyRecords: number
  readonly everyMillis: number
  readonly seal: (head: AuditChain.Head, date: string, trimmed?: { readonly before: number }) => AuditChain.Seal
  /** Those that the second place was not given. */
  readonly unsent: (seals: ReadonlyArray<StoredSeal>) => ReadonlyArray<StoredSeal>
  /** Gives what is durable to the second place. A seal of what may be lost would accuse an honest log. */
  readonly settled: (seals: ReadonlyArray<StoredSeal>) => Effect.Effect<void>
}

/** Whose trail it is, where several write one. */
interface Instance {
  readonly instance?: string
}

/** A record of the trail itself. */
const own = (event: AuditEvent.Any, params: object, now: number) =>
  AuditRecord.fromEvent(event, params, {
    source: "effect-registrar",
    date: DateTime.formatIso(DateTime.unsafeMake(now))
  }).record

/** The records for what has happened to the trail. */
const recordsOf = (
  occasion: LogFile.Occasion,
  now: number,
  about: { readonly wasClosed: boolean; readonly instance?: Instance; readonly before?: number | null }
) => {
  const { before = null, instance = {}, wasClosed } = about
  switch (occasion._tag) {
    case "Opened": {
      const { torn } = occasion
      const recovered = { tornBytes: torn?.bytes ?? 0, keptIn: torn?.keptIn ?? null }
      return [
        ...(wasClosed && torn === undefined ? [] : [own(BuiltInEvents.TrailRecovered, recovered, now)]),
        own(BuiltInEvents.TrailStarted, instance, now)
      ]
    }
    case "Continued":
      return [own(BuiltInEvents.TrailContinued, { reason: occasion.reason }, now)]
    case "Trimming":
      return [own(BuiltInEvents.TrailTrimmed, { files: occasion.files, before }, now)]
    case "Closing":
      return [own(BuiltInEvents.TrailStopped, {}, now)]
    case "Tick":
    case "Due":
    case "Retiring":
      return []
  }
}

/** Whether the line is of a chained trail, and not of a second place for seals: that holds no other chained lines. */
const isOfChain = ({ first, last }: LogFile.Ends): boolean =>
  Option.exists(headOf(first), ({ seq }) => seq === 1 || !AuditChain.isSeal(first!)) ||
  Option.exists(headOf(last), () => !AuditChain.isSeal(last!))

const headOf = (line: string | undefined) => (line === undefined ? Option.none() : AuditChain.headOf(line))

/** Whether a trail that ends with this line was closed, or has not begun. */
const isClosed = (lastLine: string | undefined): boolean =>
  lastLine === undefined ||
  Either.match(AuditRecord.fromLine(lastLine), {
    onLeft: () => false,
    onRight: ({ event }) => event.type === BuiltInEvents.TrailStopped.type
  })

export interface Unchained {
  readonly wasClosed: boolean
}

/** Records as they are. */
export const unchained: LogFile.Format<Unchained> = {
  isSound: isJsonText,
  isEnd: (line) => isClosed(Buffer.from(line).toString()),
  isCheckpoint: () => false,
  resume: (ends) => ({
    state: { wasClosed: isClosed(ends.last) },
    needsNewFile: false,
    objection: isOfChain(ends) ? "is chained: set 'chain' (AUDIT_CHAIN), or give another path" : undefined
  }),
  line: (state, line) => [line + "\n", state],
  isNoteDue: () => false,
  note: (state, occasion, now) => [
    recordsOf(occasion, now, state)
      .map((record) => record.line + "\n")
      .join(""),
    state
  ],
  settled: () => Effect.void
}

export interface Chained {
  readonly wasClosed: boolean
  readonly head: AuditChain.Head
  /** Records since the last seal, and when that was made. */
  readonly unsealed: number
  readonly sealedAt: number
  /** Those that the second place may not have. */
  readonly seals: ReadonlyArray<StoredSeal>
}

/** A record with a seal, as it is stored. */
export interface StoredSeal {
  readonly record: AuditRecord.AuditRecord
  readonly seq: number
}

/** Records linked, sealed where there is a sealer, and under the name of an instance where there are several. */
export const chained = (options: {
  readonly sealer?: Sealer | undefined
  readonly instance?: string | undefined
}): LogFile.Format<Chained> => {
  const { sealer } = options
  const instance: Instance = options.instance === undefined ? {} : { instance: options.instance }

  const link = (state: Chained, line: string, mark?: AuditChain.Mark): readonly [string, Chained] => {
    const linked = AuditChain.link(state.head, line, mark)
    const { sealedAt, seals, unsealed, wasClosed } = state
    return [linked.line + "\n", { wasClosed, head: linked.head, unsealed: unsealed + 1, sealedAt, seals }]
  }

  /** The record seals everything before it, and says what was trimmed. */
  const sealed = (
    state: Chained,
    record: AuditRecord.AuditRecord,
    now: number,
    trimmed?: { readonly before: number }
  ): readonly [string, Chained] => {
    if (sealer === undefined) return link(state, record.line, trimmed && { trimmed })
    const seal = sealer.seal(state.head, record.date, trimmed)
    const linked = AuditChain.link(state.head, record.line, { trimmed, seal })
    const seals = [...sealer.unsent(state.seals), { record: { ...record, line: linked.line }, seq: linked.head.seq }]
    return [linked.line + "\n", { ...state, head: linked.head, unsealed: 0, sealedAt: now, seals }]
  }

  const seal = (state: Chained, now: number) =>
    sealed(state, own(BuiltInEvents.TrailSealed, { seq: state.head.seq, ...instance }, now), now)

  const isSealDue = (state: Chained, occasion: LogFile.Occasion, now: number) => {
    if (sealer === undefined || state.unsealed === 0) return false
    // The clock can be set back: then it is due at once, or it could be years until the next one.
    return occasion._tag !== "Tick" || now < state.sealedAt || now - state.sealedAt >= sealer.everyMillis
  }

  return {
    isSound: (line) => Option.isSome(AuditChain.headOf(line)) || isUnchained(line),
    isEnd: (line) => Option.isSome(AuditChain.headOf(line)) && isClosed(Buffer.from(line).toString()),
    isCheckpoint: (line) => AuditChain.isSeal(Buffer.from(line).toString("latin1")),
    resume: ({ first, last }) => {
      const head = headOf(last)
      const wasSealed = [first, last].some((line) => line !== undefined && AuditChain.isSeal(line))
      return {
        state: {
          wasClosed: isClosed(last),
          head: Option.getOrElse(head, () => AuditChain.genesis),
          unsealed: 0,
          sealedAt: 0,
          seals: []
        },
        needsNewFile: last !== undefined && Option.isNone(head),
        objection:
          wasSealed && sealer === undefined
            ? "is sealed: give 'seals' (AUDIT_SEAL_KEY or AUDIT_SEAL_KEY_FILES), or another path"
            : undefined
      }
    },
    line: (state, line) => link(state, line),
    isNoteDue: (state) => sealer !== undefined && state.unsealed >= sealer.everyRecords,
    note: (state, occasion, now) => {
      if (occasion._tag === "Trimming") {
        const before = firstSeq(occasion.next, state.head.seq + 1)
        const [record] = recordsOf(occasion, now, { ...state, before })
        // Signed by its own seal: what stands under a later one may have been written by somebody else, before a restart.
        return sealed(state, record!, now, before === null ? undefined : { before })
      }
      const records = recordsOf(occasion, now, { ...state, instance })
      if (records.length === 0) return isSealDue(state, occasion, now) ? seal(state, now) : ["", state]
      return records.reduce<readonly [string, Chained]>(
        ([text, before], record) => {
          const [next, after] = sealed(before, record, now)
          return [text + next, after]
        },
        ["", state]
      )
    },
    settled: (state) => sealer?.settled(state.seals) ?? Effect.void
  }
}

/** A line from before the trail was chained. */
const isUnchained = (line: Uint8Array): boolean => Option.isSome(decodeUnchained(Buffer.from(line).toString()))

const decodeUnchained = Schema.decodeOption(
  Schema.parseJson(Schema.Struct({ chain: Schema.optional(Schema.Undefined) }))
)

/** The sequence number of a line that stands first in what is left; where that is not chained, nobody can say it. */
const firstSeq = (line: string | undefined, next: number): number | null =>
  line === undefined ? next : Option.match(AuditChain.headOf(line), { onNone: () => null, onSome: ({ seq }) => seq })
