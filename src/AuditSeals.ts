/**
 * How a chain is sealed: with which keys, how often, and where the seals go besides.
 */
import { FileSystem } from "@effect/platform"
import { Array as Arr, Context, Duration, Effect, Layer, Option, Redacted, type Scope } from "effect"
import * as AuditChain from "./AuditChain.js"
import { AuditSink, AuditSinkError, bestEffort } from "./AuditSink.js"
import type { Sealer, StoredSeal } from "./AuditTrail.js"
import { codeOf } from "./internal/logFileError.js"

/**
 * How the chain is sealed. A seal is made when the trail is opened, closed and rotated, and in between as said here.
 *
 * @category models
 */
export interface Seals {
  /**
   * Ed25519 private keys in PEM, or the files that hold them. While keys are exchanged, the old one and the new one seal
   * together.
   */
  readonly keys: Arr.NonEmptyReadonlyArray<Redacted.Redacted | { readonly file: string }>
  /** A seal after so many records, at the latest. Default: 1,000. */
  readonly everyRecords?: number | undefined
  /** A seal after so long, where there is anything to seal. Default: 1 minute. */
  readonly every?: Duration.DurationInput | undefined
  /**
   * A second place for the seals, on another disk or another machine: that records were cut off the end can be noticed only
   * against something that is kept elsewhere. It is written to as if by `bestEffort`, once what it seals is durable.
   */
  readonly to?: Layer.Layer<AuditSink, AuditSinkError, FileSystem.FileSystem> | undefined
}

/** Reads the keys and opens the second place. `sink` names the one that seals, for errors. */
export const make = (
  sink: string,
  seals: Seals
): Effect.Effect<Sealer, AuditSinkError, FileSystem.FileSystem | Scope.Scope> =>
  Effect.gen(function* () {
    const keys = yield* Effect.forEach(seals.keys, (key) => readKey(sink, key))
    const { every = "1 minute", everyRecords = 1000 } = seals
    if (!Number.isInteger(everyRecords) || everyRecords < 1 || everyRecords > 1_000_000_000) {
      return yield* unusable(sink, `seals.everyRecords must be a whole number above 0, not ${everyRecords}`)
    }
    if (Option.isNone(Duration.decodeUnknown(every)) || Duration.toMillis(every) <= 0) {
      return yield* unusable(sink, `seals.every must be a duration such as "1 minute", not ${String(every)}`)
    }
    const outside = seals.to === undefined ? undefined : yield* secondPlace(seals.to)
    let sent = 0
    const unsent = (stored: ReadonlyArray<StoredSeal>) =>
      outside === undefined ? [] : stored.filter(({ seq }) => seq > sent)

    const sealer: Sealer = {
      everyRecords,
      everyMillis: Duration.toMillis(every),
      seal: (head, date, trimmed) => AuditChain.seal(head, { date, every: everyRecords, keys, trimmed }),
      unsent,
      settled: (stored) =>
        Effect.suspend(() => {
          const records = unsent(stored).map(({ record }) => record)
          if (outside === undefined || !Arr.isNonEmptyReadonlyArray(records)) return Effect.void
          sent = stored.at(-1)!.seq
          return Effect.ignore(Effect.zipRight(outside.write(records), outside.sync))
        })
    }
    return sealer
  })

/** Opened strictly, because a second place that is not there protects nothing; then it must not hold up the trail. */
const secondPlace = (to: NonNullable<Seals["to"]>) =>
  Effect.gen(function* () {
    const opened = Context.get(yield* Layer.build(to), AuditSink)
    const decoupled = bestEffort()(Layer.succeed(AuditSink, opened))
    return Context.get(yield* Layer.build(decoupled), AuditSink)
  })

const readKey = (sink: string, key: Seals["keys"][number]) =>
  Effect.gen(function* () {
    if (Redacted.isRedacted(key)) return yield* signingKey(sink, "a key of seals.keys", key)
    const fs = yield* FileSystem.FileSystem
    const pem = yield* Effect.mapError(fs.readFileString(key.file), (error) =>
      unusable(
        sink,
        codeOf(error) === "ENOENT"
          ? `there is no key file '${key.file}': make one with 'openssl genpkey -algorithm ed25519', or correct the path`
          : `the key file '${key.file}' cannot be read (${error.message})`
      )
    )
    return yield* signingKey(sink, `'${key.file}'`, Redacted.make(pem))
  })

const signingKey = (sink: string, origin: string, pem: Redacted.Redacted) =>
  Effect.mapError(AuditChain.signingKey(pem), (error) => unusable(sink, `${origin}: ${error.message}`))

const unusable = (sink: string, description: string) =>
  new AuditSinkError({ sink, reason: "Misconfigured", description })
