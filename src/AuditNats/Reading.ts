/**
 * All that a stream holds, in its order, as it is: whether it is sound is for a verifier to say.
 */
import type { Consumer, JsMsg } from "@nats-io/jetstream"
import { Chunk, Effect, Either, Option, Schedule, Stream } from "effect"
import type { AuditStoreError } from "../AuditStore.js"
import * as Chain from "./Chain.js"
import * as Failure from "./Failure.js"
import * as Message from "./Message.js"
import type { Stored, Trail } from "./Trail.js"

/**
 * A line of the stream. `sequence` is the place of its message.
 *
 * @category models
 */
export interface StreamLine {
  readonly instance: string
  readonly line: string
  readonly sequence: number
}

/** How many messages are read at once. */
const ofPage = 32

/** The lines that are there now, after this place. What comes meanwhile is left out. */
export const lines = (trail: Trail, after = 0): Stream.Stream<StreamLine, AuditStoreError> =>
  Stream.unwrapScoped(
    Effect.gen(function* () {
      const bounds = yield* trail.bounds
      let consumer: Consumer | undefined
      yield* Effect.addFinalizer(() =>
        Effect.promise(() => consumer?.delete().catch(() => false) ?? Promise.resolve(false))
      )

      const page = (from: number) =>
        Effect.gen(function* () {
          consumer ??= yield* trail.ask(() =>
            trail.client.consumers.get(trail.stream, { filter_subjects: trail.subjects, opt_start_seq: from })
          )
          return yield* fetch(trail, consumer, bounds.last)
        }).pipe(
          // It may be gone, with a connection or a server: another one begins where it has got to.
          Effect.tapError(() => Effect.sync(() => (consumer = undefined))),
          Effect.retry(Schedule.intersect(Schedule.recurs(3), Schedule.jittered(Schedule.exponential("100 millis"))))
        )

      return Stream.paginateChunkEffect(Math.max(1, bounds.first, after + 1), (next) =>
        Effect.gen(function* () {
          if (next > bounds.last) return [Chunk.empty<StreamLine>(), Option.none<number>()] as const
          const messages = yield* page(next)
          const found = yield* Effect.forEach(messages, (message) => linesOf(trail, message))
          const last = messages.at(-1)
          const isEnd = last === undefined || last.info.pending === 0
          return [Chunk.unsafeFromArray(found.flat()), isEnd ? Option.none() : Option.some(last.seq + 1)] as const
        })
      )
    })
  )

/** Some messages, or none where there are no more. */
const fetch = (trail: Trail, consumer: Consumer, end: number) =>
  Effect.gen(function* () {
    if ((yield* trail.ask(() => consumer.info())).num_pending === 0) return []
    const found = yield* Effect.raceFirst(
      Effect.tryPromise({ try: (signal) => take(consumer, end, signal), catch: Failure.toStoreError }),
      trail.cut
    )
    // A page without a message must not pass for the end.
    if (found.length === 0) return yield* Failure.make("Unavailable", "the stream does not send what it holds")
    return found.filter(({ seq }) => seq <= end)
  })

const take = async (consumer: Consumer, end: number, signal: AbortSignal): Promise<ReadonlyArray<JsMsg>> => {
  const messages = await consumer.fetch({ max_messages: ofPage, expires: 5000 })
  if (signal.aborted) messages.stop()
  signal.addEventListener("abort", () => messages.stop())
  const found: Array<JsMsg> = []
  for await (const message of messages) {
    found.push(message)
    if (message.seq >= end || message.info.pending === 0) break
  }
  return found
}

const linesOf = (trail: Trail, { data, headers, seq, subject }: JsMsg) => {
  const instance = trail.instanceOf(subject) ?? subject
  const message = Message.read((name) => headers?.get(name))
  const stored: Stored = { sequence: seq, instance, message, data }
  // A part that is not the last one is found with that, or was given up.
  if (Either.isRight(message) && !Message.endsRecord(message)) return Effect.succeed([])
  return Effect.map(Chain.linesOf(trail, stored), (lines) =>
    lines.map((line): StreamLine => ({ instance, line, sequence: seq }))
  )
}
