import {
  type AuditContext,
  AuditEvent,
  AuditLog,
  type AuditRegistry,
  BuiltInErrors,
  type ErrorRegistry,
  Extension,
  type Registration
} from "effect-registrar"
import { Context, Data, Effect, type Layer, Schema } from "effect"
import { describe, expect, test } from "tstyche"

const LoginFailed = AuditEvent.make("auth-login-failed", { level: "Warning", message: "Login from {ip}: {reason}" })
const Read = AuditEvent.make("files-read", { level: "Info", message: "'{user}' has read {path}" })
const Greeted = AuditEvent.make("auth-greeted", { level: "Info", message: "'{user}' was greeted" })
const Restarted = AuditEvent.make("jobs-restarted", { level: "Info", message: "The jobs were restarted" })
const Moved = AuditEvent.make("files-moved", {
  level: "Info",
  message: "{count} files were moved",
  fields: { count: Schema.Int, by: Schema.optional(Schema.String) }
})
const Noted = AuditEvent.make("files-noted", {
  level: "Info",
  message: "There is a note",
  fields: { note: Schema.optional(Schema.String) }
})

declare const registries: Layer.Layer<ErrorRegistry.ErrorRegistry | AuditRegistry.AuditRegistry>
declare const audit: typeof AuditLog.AuditLog.Service
declare const name: string

type Proof<E> = Registration.Registered<E>

describe("params", () => {
  test("are those of the message, without what comes from the context", () => {
    expect(audit.add(LoginFailed, { reason: "unknown token" })).type.toBeAssignableTo<
      Effect.Effect<void, never, unknown>
    >()
    // @ts-expect-error Expected 2 arguments, but got 1
    audit.add(LoginFailed)
    // @ts-expect-error Property 'reason' is missing in type '{}'
    audit.add(LoginFailed, {})
  })

  test("are spelt as in the message", () => {
    // @ts-expect-error 'reson' does not exist in type 'Readonly<{ readonly reason: Json; }>'. Did you mean to write 'reason'?
    audit.add(LoginFailed, { reson: "unknown token" })
  })

  test("are no more than declared", () => {
    // @ts-expect-error 'colour' does not exist in type 'Readonly<{ readonly reason: Json; }>'
    audit.add(LoginFailed, { reason: "unknown token", colour: "red" })
    // @ts-expect-error 'ip' does not exist in type 'Readonly<{ readonly reason: Json; }>'
    audit.add(LoginFailed, { reason: "unknown token", ip: "192.0.2.1" })
    // @ts-expect-error Expected 1 arguments, but got 2
    audit.add(Restarted, { colour: "red" })
    // @ts-expect-error Expected 1 arguments, but got 2
    audit.require(Greeted, { user: "ada" })
  })

  test("have the type of their field, or else a JSON form", () => {
    // @ts-expect-error Type 'string' is not assignable to type 'number'
    audit.add(Moved, { count: "3" })
    // @ts-expect-error Type 'Date' is not assignable to type 'Json'
    audit.add(LoginFailed, { reason: new Date() })
  })

  test("are optional where their field is", () => {
    expect(audit.add).type.toBeCallableWith(Moved, { count: 3 })
    expect(audit.add).type.toBeCallableWith(Moved, { count: 3, by: "ada" })
    expect(audit.add).type.toBeCallableWith(Noted)
    expect(audit.add).type.toBeCallableWith(Noted, {})
    // @ts-expect-error Type 'number' is not assignable to type 'string'
    audit.add(Noted, { note: 1 })
  })

  test("are the same for require", () => {
    // @ts-expect-error Expected 2 arguments, but got 1
    audit.require(LoginFailed)
    // @ts-expect-error Did you mean to write 'reason'?
    audit.require(LoginFailed, { reson: "unknown token" })
    // @ts-expect-error Type 'string' is not assignable to type 'number'
    audit.require(Moved, { count: "3" })
  })
})

describe("add", () => {
  test("never fails, and asks for the proof", () => {
    expect(audit.add(Restarted)).type.toBe<Effect.Effect<void, never, Proof<typeof Restarted>>>()
  })

  test("asks for a context where the message names the address or the path", () => {
    expect(audit.add(LoginFailed, { reason: "" })).type.toBe<
      Effect.Effect<void, never, Proof<typeof LoginFailed> | AuditContext.AuditContext>
    >()
    expect(audit.add(Read)).type.toBe<Effect.Effect<void, never, Proof<typeof Read> | AuditContext.AuditContext>>()
  })

  test("asks for no context where it names only the user", () => {
    expect(audit.add(Greeted)).type.toBe<Effect.Effect<void, never, Proof<typeof Greeted>>>()
  })

  test("cannot be run without a context", () => {
    const Files = Extension.make("files", { auditEvents: [Read] })
    const job = audit.add(Read).pipe(Effect.provide(Files.layer), Effect.provide(registries))
    // @ts-expect-error Type 'AuditContext' is not assignable to type 'never'
    Effect.runPromise(job)
  })

  test("cannot be run without the proof", () => {
    // @ts-expect-error Registered<AuditEvent<"jobs-restarted", "The jobs were restarted", {}>>
    Effect.runPromise(audit.add(Restarted))
  })

  test("is proved by the layer of the extension", () => {
    const Jobs = Extension.make("jobs", { auditEvents: [Restarted] })
    expect<Exclude<Proof<typeof Restarted>, Layer.Layer.Success<typeof Jobs.layer>>>().type.toBe<never>()
    expect(audit.add(Restarted).pipe(Effect.provide(Jobs.layer))).type.toBeAssignableTo<
      Effect.Effect<void, unknown, ErrorRegistry.ErrorRegistry | AuditRegistry.AuditRegistry>
    >()
  })

  test("is not proved by another event of the same shape", () => {
    const Stopped = AuditEvent.make("jobs-stopped", { level: "Info", message: "The jobs were restarted" })
    const Jobs = Extension.make("jobs", { auditEvents: [Stopped] })
    expect<Exclude<Proof<typeof Restarted>, Layer.Layer.Success<typeof Jobs.layer>>>().type.toBe<
      Proof<typeof Restarted>
    >()
  })

  test("asks for nothing where the type is known only at run time", () => {
    const dynamic = AuditEvent.make(name, { level: "Info", message: name })
    expect(audit.add(dynamic)).type.toBe<Effect.Effect<void>>()
    expect(audit.add(dynamic, { any: "thing" })).type.toBe<Effect.Effect<void>>()
    const prefixed = AuditEvent.make(`plugin-${name}`, { level: "Info", message: `A plugin has ${name}` })
    expect(audit.add(prefixed, { any: "thing" })).type.toBe<Effect.Effect<void>>()
  })
})

describe("require", () => {
  test("fails with the registered 503, and asks for what add does", () => {
    expect(audit.require(LoginFailed, { reason: "" })).type.toBe<
      Effect.Effect<void, BuiltInErrors.AuditUnavailable, Proof<typeof LoginFailed> | AuditContext.AuditContext>
    >()
  })
})

describe("around", () => {
  class Missing extends Data.TaggedError("Missing")<{ readonly id: string }> {}
  class Files extends Context.Tag("Files")<Files, { readonly size: number }>() {}
  const act = Effect.flatMap(Files, ({ size }) => (size > 0 ? Effect.succeed(size) : new Missing({ id: "a" })))

  test("asks for the audit log, and what add does, beside what the act needs", () => {
    expect(act.pipe(AuditLog.around(LoginFailed, { reason: "" }))).type.toBe<
      Effect.Effect<
        number,
        Missing | BuiltInErrors.AuditUnavailable,
        Files | AuditLog.AuditLog | Proof<typeof LoginFailed> | AuditContext.AuditContext
      >
    >()
    expect(AuditLog.around(Restarted)(Effect.void)).type.toBe<
      Effect.Effect<void, BuiltInErrors.AuditUnavailable, AuditLog.AuditLog | Proof<typeof Restarted>>
    >()
    expect(audit.around(Restarted)(act)).type.toBe<
      Effect.Effect<number, Missing | BuiltInErrors.AuditUnavailable, Files | Proof<typeof Restarted>>
    >()
  })

  test("takes the params of the event", () => {
    // @ts-expect-error Expected 2 arguments, but got 1
    AuditLog.around(LoginFailed)
    // @ts-expect-error Did you mean to write 'reason'?
    AuditLog.around(LoginFailed, { reson: "unknown token" })
    // @ts-expect-error Type 'string' is not assignable to type 'number'
    act.pipe(AuditLog.around(Moved, { count: "3" }))
    // @ts-expect-error Expected 1 arguments, but got 2
    AuditLog.around(Restarted, { colour: "red" })
    expect(AuditLog.around).type.toBeCallableWith(Noted)
  })

  test("asks for no proof where the type is known only at run time", () => {
    const dynamic = AuditEvent.make(name, { level: "Info", message: name })
    expect(AuditLog.around(dynamic, { any: "thing" })(Effect.void)).type.toBe<
      Effect.Effect<void, BuiltInErrors.AuditUnavailable, AuditLog.AuditLog>
    >()
  })
})

describe("whenFull", () => {
  test("is one policy, or one by level", () => {
    expect<AuditLog.Options["whenFull"]>().type.toBeAssignableFrom<"drop-old">()
    expect<AuditLog.Options["whenFull"]>().type.toBeAssignableFrom<{ Debug: "drop-new"; Info: "drop-old" }>()
    // @ts-expect-error Type '"drop"' is not assignable
    AuditLog.layer({ whenFull: "drop" })
    // @ts-expect-error 'Warn' does not exist in type
    AuditLog.layer({ whenFull: { Warn: "drop-old" } })
  })
})

describe("addByType", () => {
  test("takes whatever is given, asks for nothing, and may fail", () => {
    expect(audit.addByType(name, { any: "thing" })).type.toBe<Effect.Effect<void, AuditLog.AuditEventRejected>>()
    expect(audit.addByType("no-such-event", {})).type.toBe<Effect.Effect<void, AuditLog.AuditEventRejected>>()
  })
})
