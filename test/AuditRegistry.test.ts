import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import type { Duration } from "effect"
import * as AuditEvent from "../src/AuditEvent.js"
import * as AuditRegistry from "../src/AuditRegistry.js"
import * as BuiltInEvents from "../src/BuiltInEvents.js"

const declare = (type: string, message = "x", level: AuditEvent.Level = "Info") =>
  AuditEvent.make(type, { level, message })

const say = Effect.map((refusals: Effect.Effect.Success<ReturnType<AuditRegistry.Service["register"]>>) =>
  refusals.map((refusal) =>
    refusal._tag === "Conflict"
      ? `${refusal.conflict.kind} ${refusal.conflict.name}: ${refusal.conflict.owners.join(", ")}`
      : `invalid ${refusal.name} of ${refusal.owner}: ${refusal.problem}`
  )
)

describe("register", () => {
  it.effect("starts with the trail's own events", () =>
    Effect.gen(function* () {
      const registry = yield* AuditRegistry.make
      assert.deepStrictEqual(
        yield* registry.definitions,
        BuiltInEvents.builtIns.map((event) => ({ event, owner: "effect-registrar" }))
      )
    })
  )

  it.effect("refuses the same type twice, names both owners, and keeps the first", () =>
    Effect.gen(function* () {
      const registry = yield* AuditRegistry.make
      const [first, second] = [declare("a-x", "first"), declare("a-x", "second")]
      assert.deepStrictEqual(yield* say(registry.register({ owner: "one", auditEvents: [first, first] })), [])
      assert.deepStrictEqual(yield* say(registry.register({ owner: "two", auditEvents: [second, first] })), [
        "audit event a-x: one, two"
      ])
      assert.strictEqual(registry.eventOf("a-x"), first)
      assert.deepStrictEqual(
        yield* say(registry.register({ owner: "two", auditEvents: [declare("registrar-events-dropped")] })),
        ["audit event registrar-events-dropped: effect-registrar, two"]
      )
    })
  )

  it.effect("refuses events that collapse within no time, or by what they do not have", () =>
    Effect.gen(function* () {
      const registry = yield* AuditRegistry.make
      const collapsing = (type: string, within: Duration.DurationInput, by?: ReadonlyArray<string>) =>
        AuditEvent.make(type, { level: "Info", message: "{what}" as string, collapse: { within, by } })
      assert.deepStrictEqual(
        yield* say(
          registry.register({
            owner: "a",
            auditEvents: [
              collapsing("a-good", "1 minute", ["ip", "path", "user", "what"]),
              collapsing("a-all", "1 minute"),
              collapsing("a-one", "1 minute", []),
              collapsing("a-never", 0),
              collapsing("a-back", -5),
              collapsing("a-forever", Infinity),
              collapsing("a-soon", "soon" as "1 second"),
              collapsing("a-by", "1 minute", ["ip", "whom", "constructor"])
            ]
          })
        ),
        [
          ...["a-never", "a-back", "a-forever", "a-soon"].map(
            (type) => `invalid ${type} of a: the events collapse within no time that ends`
          ),
          ...["whom", "constructor"].map(
            (name) =>
              `invalid a-by of a: the events collapse by '${name}', which is neither a field nor 'ip', 'path' or 'user'`
          )
        ]
      )
    })
  )

  it.effect("registers all that can be, and lists all that cannot", () =>
    Effect.gen(function* () {
      const registry = yield* AuditRegistry.make
      const good = declare("a-good", "{message} {constructor} {toString} {ip} {path} {user}")
      assert.deepStrictEqual(
        yield* say(
          registry.register({
            owner: "a",
            auditEvents: [
              declare("a-open", "{"),
              declare("a-level", "x", "Loud" as "Info"),
              good,
              AuditEvent.make("a-field" as string, {
                level: "Info",
                message: "x" as string,
                fields: { ip: Schema.String } as {}
              }),
              AuditEvent.make("a-missing" as string, {
                level: "Info",
                message: "{x}" as string,
                fields: { y: Schema.Int } as {}
              }),
              declare("a-proto", "{__proto__}")
            ]
          })
        ),
        [
          "invalid a-open of a: The template '{' is malformed: a '{' is never closed; write '{{' for a literal brace",
          "invalid a-level of a: the level 'Loud' is none of Debug, Info, Warning, Error, Fatal",
          "invalid a-field of a: the field 'ip' comes from AuditContext and cannot be declared",
          "invalid a-missing of a: the message names '{x}', which is not one of the fields",
          "invalid a-proto of a: a field cannot have the name '__proto__'"
        ]
      )
      assert.strictEqual(registry.eventOf("a-good"), good)
      assert.isUndefined(registry.eventOf("a-open"))
    })
  )

  it.effect("never crashes on what is known only at run time", () =>
    Effect.gen(function* () {
      const registry = yield* AuditRegistry.make
      for (const message of [null, 7, {}, Symbol("s")]) {
        const refused = yield* registry.register({ owner: "a", auditEvents: [declare("a-x", message as string)] })
        assert.lengthOf(refused, 1)
      }
      for (const type of ["__proto__", "constructor", "", "\n"]) {
        assert.isUndefined(registry.eventOf(type))
        assert.deepStrictEqual(yield* registry.register({ owner: "a", auditEvents: [declare(type)] }), [])
        assert.strictEqual(registry.eventOf(type)?.type, type)
      }
    })
  )
})
