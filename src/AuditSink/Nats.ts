/**
 * Audit records in a stream of NATS JetStream: the trails of a fleet in one place, from where `AuditConsumer` lands them in a store.
 *
 * A batch is durable when the stream has acknowledged it: with several replicas, when most of them have it. It is stored once
 * however often it is given, and the server itself refuses a chain with a gap or a fork in it. The connection mends itself; while it
 * is cut, writing fails as `"Unavailable"`, and never hangs.
 *
 * @example
 * import { NodeContext } from "@effect/platform-node"
 * import * as NatsSink from "effect-registrar/AuditSink/Nats"
 * import { Layer } from "effect"
 *
 * const sink = NatsSink.layer({
 *   servers: ["nats://nats-1:4222", "nats://nats-2:4222", "nats://nats-3:4222"],
 *   instance: "web-1",
 *   replicas: 3
 * }).pipe(Layer.provide(NodeContext.layer))
 */
import type { FileSystem } from "@effect/platform"
import { Effect, Layer, type Scope, Stream } from "effect"
import * as AuditLedger from "../AuditLedger.js"
import * as Ledger from "../AuditNats/Ledger.js"
import * as Reading from "../AuditNats/Reading.js"
import * as Trail from "../AuditNats/Trail.js"
import { AuditSink, type AuditSinkError, type Service } from "../AuditSink.js"
import type { AuditStoreError } from "../AuditStore.js"

/**
 * @category models
 */
export type StreamOptions = Trail.Options

/**
 * @category models
 */
export interface Options extends StreamOptions, AuditLedger.Options {}

/**
 * @category models
 */
export type StreamLine = Reading.StreamLine

/**
 * A sink that writes the trail of one instance.
 *
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<Service, AuditSinkError, FileSystem.FileSystem | Scope.Scope> =>
  Trail.make(options).pipe(
    Effect.tap((trail) => Ledger.check(trail, options.instance)),
    Effect.mapError(AuditLedger.toSinkError),
    Effect.flatMap((trail) => AuditLedger.sink(Ledger.make(trail), options))
  )

/**
 * The sink as a Layer.
 *
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<AuditSink, AuditSinkError, FileSystem.FileSystem> =>
  Layer.scoped(AuditSink, make(options))

/**
 * All lines that the stream holds now, those of all instances in the order in which it has stored them, for those who verify it.
 * They come as they are, damaged ones too, and twice where they were stored twice. A record that was given up in its middle is
 * none. Makes no stream where there is none.
 *
 * @category constructors
 */
export const records = (options: StreamOptions): Stream.Stream<StreamLine, AuditStoreError> =>
  Stream.unwrapScoped(Effect.map(Trail.make({ ...options, manage: false }), Reading.lines))
