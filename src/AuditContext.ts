/**
 * Who and where, for one request or one job: `ip`, `path` and `user`.
 *
 * `HttpAudit` gives every request its context, without a user; authentication fills the user in with `withUser`. A job that
 * wants to be found in the trail provides a context of its own.
 *
 * @example
 * import { AuditContext } from "effect-registrar"
 * import { Effect } from "effect"
 *
 * const job = Effect.gen(function* () {
 *   const context = yield* AuditContext.AuditContext
 *   return context.user
 * })
 *
 * console.log(
 *   Effect.runSync(job.pipe(AuditContext.withUser("ada"), Effect.provide(AuditContext.layer({ path: "nightly-cleanup" }))))
 * ) // ada
 */
import { Context, Effect, Layer } from "effect"

/**
 * @category models
 */
export interface Service {
  /** Where the request came from, an IP address; behind proxies, as far as they are trusted. */
  readonly ip?: string | undefined
  /** The path of the request as it was sent, without the query. For a job, its name. */
  readonly path?: string | undefined
  /** Who acts, once that is known. */
  readonly user?: string | undefined
}

/**
 * @category services
 */
export class AuditContext extends Context.Tag("effect-registrar/AuditContext")<AuditContext, Service>() {}

/**
 * A context for what has no request.
 *
 * @category layers
 */
export const layer = (context: Service): Layer.Layer<AuditContext> => Layer.succeed(AuditContext, context)

/**
 * Names the user for everything that runs inside. Events added before keep what was known then.
 *
 * @category combinators
 */
export const withUser =
  (user: string) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(Effect.serviceOption(AuditContext), (current) =>
      Effect.provideService(effect, AuditContext, {
        ...(current._tag === "Some" ? current.value : {}),
        user
      })
    )
