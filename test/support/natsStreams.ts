/** Streams of their own, each made for one test and gone after it, and what tests look at in them. */
import { jetstreamManager, type JetStreamManager, type StreamConfig } from "@nats-io/jetstream"
import { connect, headers as natsHeaders } from "@nats-io/transport-node"
import { NodeFileSystem } from "@effect/platform-node"
import { Chunk, Context, Effect, Either, Layer, type Scope, Stream } from "effect"
import { randomUUID } from "node:crypto"
import * as NatsLedger from "../../src/AuditNats/Ledger.js"
import * as Trail from "../../src/AuditNats/Trail.js"
import * as AuditRecord from "../../src/AuditRecord.js"
import { AuditSink, type Service } from "../../src/AuditSink.js"
import * as NatsSink from "../../src/AuditSink/Nats.js"
import type { Ledger } from "../../src/AuditStore.js"
import { natsUrl } from "./services.js"
import type { Place } from "./sinkContract.js"

/** Where a stream is, as the options of sinks and consumers say it. */
export interface Here {
  /** One, or several with commas between them. */
  readonly servers: string
  readonly stream: string
  readonly subject: string
}

/** As sinks and consumers take it. */
export const optionsOf = ({ servers, ...here }: Here) => ({ ...here, servers: servers.split(",") })

/** What an administrator does. */
export const manager = (servers: string): Effect.Effect<JetStreamManager, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(() => connect({ servers: servers.replaceAll("nats://", "").split(",") })),
    (nats) => Effect.promise(() => nats.close())
  ).pipe(Effect.flatMap((nats) => Effect.promise(() => jetstreamManager(nats, { checkAPI: false, timeout: 10_000 }))))

export const manage = <A>({ servers }: Here, use: (jsm: JetStreamManager) => Promise<A>) =>
  Effect.scoped(Effect.flatMap(manager(servers), (jsm) => Effect.promise(() => use(jsm))))

/** Names that nobody has; the stream is made by whoever uses it, and removed at the end. */
export const newStream = (servers: string = natsUrl): Effect.Effect<Here, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const name = `test_${randomUUID().replaceAll("-", "")}`
      return { servers, stream: name, subject: name }
    }),
    (here) => manage(here, (jsm) => jsm.streams.delete(here.stream).catch(() => false))
  )

/** As somebody else makes it. */
export const makeStream = (here: Here, config: Partial<StreamConfig> = {}) =>
  manage(here, (jsm) => jsm.streams.add({ name: here.stream, subjects: [`${here.subject}.>`], ...config }))

export const withLedger = <A, E>(
  here: Here,
  body: (ledger: Ledger, trail: Trail.Trail) => Effect.Effect<A, E>,
  options: Partial<NatsSink.StreamOptions> = {}
) =>
  Effect.scoped(
    Effect.flatMap(Trail.make({ ...optionsOf(here), ...options }), (trail) => body(NatsLedger.make(trail), trail))
  )

/** Publishes what no sink would. */
export const publish = (here: Here, instance: string, data: string, headers: Readonly<Record<string, string>> = {}) =>
  manage(here, (jsm) => {
    const all = natsHeaders()
    for (const [name, value] of Object.entries(headers)) all.set(name, value)
    return jsm.jetstream().publish(`${here.subject}.${instance}`, data, { headers: all })
  })

export const linesIn = (here: Here) =>
  Effect.map(Stream.runCollect(NatsSink.records(optionsOf(here))), Chunk.toReadonlyArray)

export const recordsIn = (here: Here, instance: string) =>
  Effect.map(linesIn(here), (lines) =>
    lines.filter((each) => each.instance === instance).map(({ line }) => Either.getOrThrow(AuditRecord.fromLine(line)))
  )

export const withSink = <A, E>(
  here: Here,
  body: (sink: Service) => Effect.Effect<A, E>,
  options: Partial<NatsSink.Options> = {}
) =>
  Effect.scoped(
    Effect.flatMap(
      Layer.build(
        NatsSink.layer({ instance: "a", ...optionsOf(here), ...options }).pipe(Layer.provide(NodeFileSystem.layer))
      ),
      (context) => body(Context.get(context, AuditSink))
    )
  )

/** For the contract of sinks. */
export const natsPlace = (here: Here): Place => ({
  layer: Layer.provide(NatsSink.layer({ instance: "a", ...optionsOf(here) }), NodeFileSystem.layer),
  stored: Effect.orDie(recordsIn(here, "a"))
})
