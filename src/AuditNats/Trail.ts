/**
 * The stream that holds the trails of a fleet, a subject for each instance: made where it is missing, checked where it is there, and
 * read by subject.
 */
import {
  DiscardPolicy,
  RetentionPolicy,
  StorageType,
  type StoredMsg,
  type StreamConfig,
  type StreamInfo
} from "@nats-io/jetstream"
import { Duration, Effect, Either, Option, type Scope } from "effect"
import { type AuditStoreError, problemOfInstance } from "../AuditStore.js"
import * as Say from "../internal/say.js"
import * as Connection from "./Connection.js"
import * as Failure from "./Failure.js"
import * as Message from "./Message.js"

/**
 * Which stream, and what it is made with where it is missing. One that is there is never changed.
 *
 * @category models
 */
export interface Options extends Connection.Options {
  /** Default: `"AUDIT"`. */
  readonly stream?: string | undefined
  /** What the subjects begin with; the name of the instance follows. Default: `"audit"`. */
  readonly subject?: string | undefined
  /** Makes the stream where it is missing. Default: `true`. */
  readonly manage?: boolean | undefined
  /** How many servers of a cluster keep each record. Default: 1. */
  readonly replicas?: number | undefined
  /** A record that would make the stream larger is refused. Default: no limit. */
  readonly maxBytes?: number | undefined
  /**
   * Records are removed from the stream after so long, whether a consumer has them or not. More than any consumer will ever be
   * behind, and than any instance will be silent. Default: never.
   */
  readonly maxAge?: Duration.DurationInput | undefined
}

/** A message in its place. */
export interface Stored {
  /** Its sequence number in the stream. */
  readonly sequence: number
  readonly instance: string
  readonly message: Either.Either<Message.Incoming, string>
  readonly data: Uint8Array
}

/** What of the stream can be looked at. */
export interface Reader {
  readonly stream: string
  readonly subjectOf: (instance: string) => string
  /** The places of the first message and of the last one, of all instances. What was before the first was removed. */
  readonly bounds: Effect.Effect<{ readonly first: number; readonly last: number }, AuditStoreError>
  /** The last message of an instance. */
  readonly last: (instance: string) => Effect.Effect<Stored | undefined, AuditStoreError>
  /** The first one after this place. */
  readonly next: (instance: string, after: number) => Effect.Effect<Stored | undefined, AuditStoreError>
  readonly at: (sequence: number) => Effect.Effect<Stored | undefined, AuditStoreError>
}

export interface Trail extends Reader, Connection.Connection {
  /** The subjects of all instances. */
  readonly subjects: string
  /** The bytes that the stream allows a message, or -1. */
  readonly maxMessageSize: number
  /** None where the subject is no instance's. */
  readonly instanceOf: (subject: string) => string | undefined
  readonly info: Effect.Effect<StreamInfo, AuditStoreError>
}

/** Connects, and makes the stream where it is missing. Fails where the stream would lose records. */
export const make = (options: Options): Effect.Effect<Trail, AuditStoreError, Scope.Scope> =>
  Effect.gen(function* () {
    const { manage = true, stream = "AUDIT", subject = "audit" } = options
    const problem = problemOfNames(stream, subject)
    if (problem !== undefined) return yield* Failure.misconfigured(problem)
    const prefix = `${subject}.`
    const subjects = `${prefix}>`
    const wanted = yield* configOf(stream, subjects, options)
    const connection = yield* Connection.make(options)
    const { ask, streams } = connection

    const info = ask(() => streams.info(stream))
    const { config } = yield* Effect.catchIf(
      info,
      (error) => manage && Failure.isNotFound(error),
      () =>
        Effect.catchIf(
          ask(() => streams.add(wanted)),
          // Another program was faster, and wants it otherwise.
          Failure.isNameInUse,
          () => info
        )
    ).pipe(
      Effect.mapError((error) =>
        Failure.isUnanswered(error) && connection.nats.info?.jetstream !== true
          ? Failure.misconfigured("the server has no JetStream: start it with '-js', or give the servers that have it")
          : error
      )
    )
    const loss = lossesOf(config)
    if (loss !== undefined) return yield* Failure.misconfigured(`the stream '${stream}' ${loss}`)
    if (!config.deny_delete || !config.deny_purge) {
      yield* Say.warning(
        `The stream '${stream}' lets messages be removed: make it with 'deny_delete' and 'deny_purge' to keep the trail append-only`
      )
    }

    const instanceOf = (given: string) => {
      const instance = given.startsWith(prefix) ? given.slice(prefix.length) : ""
      return problemOfInstance(instance) === undefined ? instance : undefined
    }
    const find = (query: { readonly seq: number } | { readonly last_by_subj: string }) =>
      Effect.map(
        ask(() => streams.getMessage(stream, query)),
        (found) => (found === null ? undefined : toStored(found, instanceOf(found.subject) ?? ""))
      )
    const subjectOf = (instance: string) => `${prefix}${instance}`
    return {
      ...connection,
      stream,
      subjects,
      maxMessageSize: config.max_msg_size,
      subjectOf,
      instanceOf,
      info,
      bounds: Effect.map(info, ({ state }) => ({ first: state.first_seq, last: state.last_seq })),
      last: (instance) => find({ last_by_subj: subjectOf(instance) }),
      next: (instance, after) => {
        const query = { seq: after + 1, next_by_subj: subjectOf(instance) }
        return find(query)
      },
      at: (sequence) => find({ seq: sequence })
    }
  })

const toStored = ({ data, header, seq }: StoredMsg, instance: string): Stored => ({
  sequence: seq,
  instance,
  message: Message.read((name) => header.get(name)),
  data
})

const problemOfNames = (stream: string, subject: string): string | undefined => {
  if (!/^[A-Za-z0-9_-]{1,255}$/.test(stream)) {
    return `'stream' has letters, digits, '-' and '_', which '${stream.slice(0, 200)}' has not`
  }
  return problemOfInstance(subject) === undefined
    ? undefined
    : `'subject' has letters, digits, '-', '_' and single dots between them, which '${subject.slice(0, 200)}' has not`
}

/** A second attempt of what was stored is known as such for so long, without a look at the stream. */
const duplicateWindow = Duration.minutes(2)

const nanos = (duration: Duration.Duration) => Duration.toMillis(duration) * 1_000_000

const configOf = (stream: string, subjects: string, { maxAge, maxBytes = -1, replicas = 1 }: Options) =>
  Effect.gen(function* () {
    if (!Number.isInteger(replicas) || replicas < 1 || replicas > 5) {
      return yield* Failure.misconfigured(`'replicas' must be a whole number from 1 to 5, not ${replicas}`)
    }
    if (!Number.isInteger(maxBytes) || maxBytes < -1 || maxBytes === 0) {
      return yield* Failure.misconfigured(`'maxBytes' must be a whole number above 0, not ${maxBytes}`)
    }
    const age = Duration.decodeUnknown(maxAge ?? 0)
    if (Option.isNone(age) || (maxAge !== undefined && !(Duration.toMillis(age.value) >= 1000))) {
      return yield* Failure.misconfigured(
        `'maxAge' must be a duration of at least a second, such as "90 days", not ${String(maxAge)}`
      )
    }
    const isKept = maxAge === undefined || !Duration.isFinite(age.value)
    return {
      name: stream,
      description: "Audit trails, written by effect-registrar",
      subjects: [subjects],
      storage: StorageType.File,
      retention: RetentionPolicy.Limits,
      // A full stream refuses what is new. It would otherwise drop what is old.
      discard: DiscardPolicy.New,
      max_bytes: maxBytes,
      max_age: isKept ? 0 : nanos(age.value),
      duplicate_window: nanos(isKept ? duplicateWindow : Duration.min(duplicateWindow, age.value)),
      deny_delete: true,
      deny_purge: true,
      num_replicas: replicas
    }
  })

/** How a stream would lose records that it has acknowledged, or acknowledge none. */
const lossesOf = (config: StreamConfig): string | undefined => {
  const hasLimit = config.max_bytes > 0 || config.max_msgs > 0
  if (config.retention !== RetentionPolicy.Limits) {
    return `has the retention '${config.retention}', which removes records that were read, or that nobody reads: give it 'limits'`
  }
  if (config.storage !== StorageType.File) {
    return "keeps in memory what it acknowledges, and loses it when its servers stop: give it the storage 'file'"
  }
  if (hasLimit && config.discard !== DiscardPolicy.New) {
    return "drops its oldest records when it is full: give it the discard policy 'new'"
  }
  if (config.max_msgs_per_subject > 0 && config.discard_new_per_subject !== true) {
    return "drops the oldest records of each instance: take its 'max_msgs_per_subject' away"
  }
  if (config.no_ack === true) return "acknowledges nothing: take its 'no_ack' away"
  if (config.sealed) return "is sealed, and takes nothing any more: give another one"
  if (config.mirror !== undefined) return "is a mirror: give the stream that it mirrors"
  return undefined
}

/** Whether the stream takes what is published to the subject. */
export const takes = (config: StreamConfig, subject: string): boolean =>
  config.subjects.some((pattern) => {
    const [wanted, given] = [pattern.split("."), subject.split(".")]
    return (
      wanted.every((token, at) => (token === ">" ? given.length > at : token === "*" || token === given[at])) &&
      (wanted.at(-1) === ">" || wanted.length === given.length)
    )
  })
