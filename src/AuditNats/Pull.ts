/**
 * Takes messages from a durable consumer of the stream, no more at once than somebody has room for.
 */
import { AckPolicy, DeliverPolicy, type ConsumerConfig } from "@nats-io/jetstream"
import type { Msg } from "@nats-io/transport-node"
import { Duration, Effect } from "effect"
import type { AuditStoreError } from "../AuditStore.js"
import * as Failure from "./Failure.js"
import * as Message from "./Message.js"
import type { Stored, Trail } from "./Trail.js"

/** A message that waits for an answer, and comes again without one. */
export interface Delivery extends Stored {
  /** How many the server has after it. */
  readonly pending: number
  /** How much of a batch it is: as a message, or more where it is large. */
  readonly weight: number
  /** It has landed. */
  readonly acknowledge: () => void
  /** It is not delivered any more. The stream keeps it. */
  readonly terminate: () => void
  /** It is to be delivered again, to whoever asks, at once or after so many milliseconds. */
  readonly release: (after?: number) => void
}

export interface Options {
  readonly durable: string
  /** How many messages are taken at once. */
  readonly batch: number
  readonly ackWait: Duration.Duration
  readonly maxAckPending: number
}

/** Makes the consumer where it is missing. Fails where it would leave records out. */
export const ensure = (trail: Trail, options: Options): Effect.Effect<void, AuditStoreError> =>
  Effect.gen(function* () {
    const { durable } = options
    const info = trail.ask(() => trail.consumers.info(trail.stream, durable))
    const { config } = yield* Effect.catchIf(info, Failure.isNotFound, () =>
      trail.ask(() => trail.consumers.add(trail.stream, configOf(trail, options)))
    )
    const loss = lossesOf(config, trail)
    if (loss !== undefined) {
      return yield* Failure.misconfigured(
        `the consumer '${durable}' ${loss}: delete it, or give another name as 'durable'. Everything is delivered again then, and stored once all the same`
      )
    }
  })

const configOf = (trail: Trail, { ackWait, durable, maxAckPending }: Options): Partial<ConsumerConfig> => ({
  durable_name: durable,
  description: "Lands audit trails in a store",
  filter_subject: trail.subjects,
  deliver_policy: DeliverPolicy.All,
  ack_policy: AckPolicy.Explicit,
  ack_wait: Duration.toMillis(ackWait) * 1_000_000,
  max_ack_pending: maxAckPending,
  max_deliver: -1,
  // Of several programs that share it, one asks at a time. They would otherwise be given the messages of a chain in turn, and
  // wait for each other with each of them.
  max_waiting: 1
})

const lossesOf = (config: ConsumerConfig, { subjects }: Trail): string | undefined => {
  if (config.deliver_subject !== undefined) return "pushes, and is not asked"
  if (config.ack_policy !== AckPolicy.Explicit) return "does not wait for each message to be acknowledged"
  if (config.deliver_policy !== DeliverPolicy.All) return "does not begin with the first message"
  if ((config.max_deliver ?? -1) > 0) return "gives up messages that were delivered often"
  const filters = config.filter_subjects ?? [config.filter_subject ?? ">"]
  return filters.some((filter) => filter === subjects || filter === ">") ? undefined : "leaves instances out"
}

/** How long one request waits for messages. While it does, no other program is given any. */
const patience = Duration.seconds(5)

/** The bytes that are taken at once, unless a single message is larger. */
const largestBatch = 8_388_608

/** How a request ended: with messages or without, because another program is asking, or unknown. */
export type Ended = "answered" | "tooLarge" | "busy" | "silent"

/**
 * Asks once, and hands over each message as it comes. Ends when there were as many as were asked for, when the patience is over, or
 * the connection.
 */
export const request = (
  trail: Trail,
  { batch, durable }: Options,
  onMessage: (delivery: Delivery) => void,
  isSingle: boolean
): Effect.Effect<Ended> =>
  Effect.async<Ended>((resume) => {
    const { nats } = trail
    if (nats.isClosed()) return resume(Effect.succeed("silent"))
    const inbox = trail.inbox()
    const wanted = isSingle ? 1 : batch
    let received = 0
    const end = (ended: Ended) => {
      subscription.unsubscribe()
      resume(Effect.succeed(ended))
    }
    const subscription = nats.subscribe(inbox, {
      callback: (error, message) => {
        if (error !== null) return end("silent")
        if (message.subject === inbox) {
          const ended = statusOf(message)
          return ended === undefined ? undefined : end(ended === "tooLarge" && received > 0 ? "answered" : ended)
        }
        received++
        onMessage(toDelivery(trail, message, batch))
        if (received === wanted) end("answered")
      }
    })
    nats.publish(
      `$JS.API.CONSUMER.MSG.NEXT.${trail.stream}.${durable}`,
      JSON.stringify({
        batch: wanted,
        expires: Duration.toMillis(patience) * 1_000_000,
        ...(isSingle ? {} : { max_bytes: Math.max(largestBatch, 2 * trail.maxPayload()) })
      }),
      { reply: inbox }
    )
    // What was sent already still comes, and is to be given back. Without that it would come again only when it was waited for.
    return Effect.promise(() => subscription.drain().catch(() => undefined)).pipe(
      Effect.interruptible,
      Effect.timeoutOption("1 seconds")
    )
  }).pipe(
    Effect.raceFirst(trail.cut),
    Effect.timeout(Duration.sum(patience, "1 seconds")),
    Effect.orElseSucceed(() => "silent" as const)
  )

/** What a message without contents says, if it ends the request. */
const statusOf = ({ headers }: Msg): Ended | undefined => {
  switch (headers?.code) {
    case 100:
      return undefined
    case 404:
    case 408:
      return "answered"
    case 409:
      if (/maxbytes/i.test(headers.description)) return "tooLarge"
      return /maxwaiting/i.test(headers.description) ? "busy" : "silent"
    default:
      return "silent"
  }
}

const toDelivery = (trail: Trail, message: Msg, batch: number): Delivery => ({
  ...placeOf(message.reply ?? ""),
  weight: Math.max(1, (message.data.length * batch) / largestBatch),
  instance: trail.instanceOf(message.subject) ?? "",
  message: Message.read((name) => message.headers?.get(name)),
  data: message.data,
  acknowledge: () => void message.respond("+ACK"),
  terminate: () => void message.respond("+TERM"),
  release: (after = 0) =>
    void message.respond(after === 0 ? "-NAK" : `-NAK ${JSON.stringify({ delay: after * 1_000_000 })}`)
})

/**
 * The place in the stream and what is left, from `$JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.<…>.<…>.<left>`. Newer servers
 * have a domain and an account before the stream.
 */
export const placeOf = (reply: string): { readonly sequence: number; readonly pending: number } => {
  const tokens = reply.split(".")
  const shift = tokens.length > 9 ? 2 : 0
  return { sequence: Number(tokens[5 + shift] ?? 0), pending: Number(tokens[8 + shift] ?? 0) }
}
