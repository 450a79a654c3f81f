import type { HttpLayerRouter } from "@effect/platform"
import {
  ApiError,
  AuditEvent,
  type AuditRegistry,
  type ErrorRegistry,
  Extension,
  type Registration
} from "effect-registrar"
import { Data, type Layer, Schema } from "effect"
import { describe, expect, test } from "tstyche"

class Locked extends ApiError.make<Locked>()("auth-locked", { status: 423, message: "The account is locked" }) {}
class StillLocked extends ApiError.make<StillLocked>()("auth-locked", { status: 403, message: "It is still locked" }) {}
class LockedAgain extends ApiError.make<LockedAgain>()("auth-locked", { status: 423, message: "It is locked again" }) {}
class Forbidden extends ApiError.make<Forbidden>()("authx-forbidden", { status: 403, message: "This is forbidden" }) {}
class DiskFull extends Data.TaggedError("DiskFull")<{ readonly path: string }> {}

const LoggedIn = AuditEvent.make("auth-logged-in", { level: "Info", message: "'{user}' has logged in" })
const LoggedOut = AuditEvent.make("auth-logged-out", { level: "Info", message: "'{user}' has logged out" })

declare const anyText: string

describe("the prefix", () => {
  test("is that of each error", () => {
    // @ts-expect-error The id 'auth-locked' does not start with 'files-'
    Extension.make("files", { errors: [Locked] })
  })

  test("is that of each audit event", () => {
    // @ts-expect-error The id 'auth-logged-in' does not start with 'files-'
    Extension.make("files", { auditEvents: [LoggedIn] })
  })

  test("is that of what an exception answers with", () => {
    // @ts-expect-error The id 'disk-full' does not start with 'files-'
    Extension.make("files", { exceptions: [ApiError.fromException(DiskFull, { id: "disk-full", message: "" })] })
    // @ts-expect-error The id 'auth-locked' does not start with 'files-'
    Extension.make("files", { exceptions: [ApiError.fromException(DiskFull, Locked)] })
    expect(Extension.make).type.toBeCallableWith("files", {
      exceptions: [ApiError.fromException(DiskFull, { id: "files-full", message: "There is no room" })]
    })
  })

  test("ends with the dash", () => {
    // @ts-expect-error The id 'authx-forbidden' does not start with 'auth-'
    Extension.make("auth", { errors: [Locked, Forbidden] })
  })

  test("is found wrong once for each", () => {
    expect<
      Extension.Problem<"files", { errors: readonly [typeof Locked, typeof Forbidden]; auditEvents: [typeof LoggedIn] }>
    >().type.toBe<
      | "The id 'auth-locked' does not start with 'files-'"
      | "The id 'authx-forbidden' does not start with 'files-'"
      | "The id 'auth-logged-in' does not start with 'files-'"
    >()
  })
})

describe("a duplicate", () => {
  test("is an id with its status", () => {
    // @ts-expect-error The id 'auth-locked' (423) is given twice
    Extension.make("auth", { errors: [Locked, LockedAgain] })
    // @ts-expect-error The id 'auth-locked' (423) is given twice
    Extension.make("auth", { errors: [Locked, StillLocked, Locked] })
  })

  test("is not an id with another status", () => {
    expect(Extension.make("auth", { errors: [Locked, StillLocked] }).errors).type.toBe<
      readonly [typeof Locked, typeof StillLocked]
    >()
  })

  test("is an audit event's type", () => {
    // @ts-expect-error The audit event 'auth-logged-in' is given twice
    Extension.make("auth", { auditEvents: [LoggedIn, LoggedOut, LoggedIn] })
  })
})

describe("many", () => {
  type Class<N extends number> = ApiError.Class<ApiError.ApiError<`many-${N}`, {}>, `many-${N}`, 404, {}>
  type Errors<N extends number, E extends ReadonlyArray<unknown> = []> = E["length"] extends N
    ? E
    : Errors<N, [...E, Class<E["length"]>]>
  type Events<N extends number, E extends ReadonlyArray<unknown> = []> = E["length"] extends N
    ? E
    : Events<N, [...E, AuditEvent.AuditEvent<`many-${E["length"]}`, "", {}>]>
  const errors = <N extends number>() => [] as unknown as Errors<N>
  const auditEvents = <N extends number>() => [] as unknown as Events<N>

  test("are no more than the compiler can follow", () => {
    expect(Extension.make("many", { errors: errors<500>(), auditEvents: auditEvents<500>() }).name).type.toBe<"many">()
  })

  test("are still compared", () => {
    const twice: readonly [...Errors<200>, Class<7>] = [...errors<200>(), errors<8>()[7]]
    // @ts-expect-error The id 'many-7' (404) is given twice
    Extension.make("many", { errors: twice })
  })
})

describe("the contents", () => {
  test("are classes and events", () => {
    // @ts-expect-error 'error' does not exist in type 'Contents'. Did you mean to write 'errors'?
    Extension.make("auth", { error: [Locked] })
    // @ts-expect-error Type 'Locked' is missing the following properties from type 'Any'
    Extension.make("auth", { errors: [new Locked()] })
    // @ts-expect-error is missing the following properties from type 'Any'
    Extension.make("auth", { errors: [LoggedIn] })
  })

  test("keep their types, and are empty where nothing is given", () => {
    const auth = Extension.make("auth", { errors: [Locked], auditEvents: [LoggedIn] })
    expect(auth.name).type.toBe<"auth">()
    expect(auth.errors).type.toBe<readonly [typeof Locked]>()
    expect(auth.exceptions).type.toBe<readonly []>()
    expect(auth.auditEvents).type.toBe<readonly [typeof LoggedIn]>()
  })

  test("may be declared in place", () => {
    const auth = Extension.make("auth", {
      errors: [
        ApiError.make()("auth-forbidden", { status: 403, message: "{user} may not", fields: { user: Schema.String } })
      ],
      auditEvents: [AuditEvent.make("auth-seen", { level: "Info", message: "{user} was seen" })]
    })
    expect(auth.errors[0].id).type.toBe<"auth-forbidden">()
    expect(auth.auditEvents[0].type).type.toBe<"auth-seen">()
    // @ts-expect-error The id 'files-gone' does not start with 'auth-'
    Extension.make("auth", { errors: [ApiError.make()("files-gone", { status: 410, message: "It is gone" })] })
  })
})

describe("the layer", () => {
  test("proves what it registers, needs the registries, and may be refused", () => {
    const Jobs = Extension.make("auth", { auditEvents: [LoggedIn] })
    expect(Jobs.layer).type.toBe<
      Layer.Layer<
        Registration.EventProof<typeof LoggedIn>,
        Registration.RegistrationConflict | Registration.InvalidDefinition,
        ErrorRegistry.ErrorRegistry | AuditRegistry.AuditRegistry
      >
    >()
    const All = Extension.make("auth", {
      errors: [Locked],
      exceptions: [ApiError.fromException(DiskFull, { id: "auth-disk-full", message: "There is no room" })],
      auditEvents: [LoggedOut]
    })
    expect<Layer.Layer.Success<typeof All.layer>>().type.toBe<
      Registration.ErrorProof<Locked> | Registration.ErrorProof<DiskFull> | Registration.EventProof<typeof LoggedOut>
    >()
  })

  test("proves an error to routes, to middleware and to plain pipelines", () => {
    expect<
      | Registration.Registered<Locked>
      | HttpLayerRouter.Request<"Error", Locked>
      | HttpLayerRouter.Request<"GlobalError", Locked>
    >().type.toBeAssignableTo<Registration.ErrorProof<Locked>>()
  })

  test("proves nothing that is known only at run time", () => {
    const Dynamic = Extension.make(anyText, {
      errors: [ApiError.make()(anyText, { status: 404, message: anyText })],
      exceptions: [ApiError.fromException(Error, { id: anyText, message: anyText })],
      auditEvents: [AuditEvent.make(anyText, { level: "Info", message: anyText })]
    })
    expect<Layer.Layer.Success<typeof Dynamic.layer>>().type.toBe<never>()
  })
})

describe("what is known only at run time", () => {
  const errors: ReadonlyArray<ApiError.Any> = []
  const exceptions: ReadonlyArray<ApiError.Exception<unknown, string>> = []
  const auditEvents: ReadonlyArray<AuditEvent.Any> = []

  test("is accepted", () => {
    const Dynamic = Extension.make(anyText, { errors, exceptions, auditEvents })
    expect(Dynamic.name).type.toBe<string>()
    expect(Dynamic).type.toBeAssignableTo<Extension.Any>()
    expect(Extension.make).type.toBeCallableWith(anyText, { errors: [Locked] })
    expect(Extension.make).type.toBeCallableWith("auth", {
      errors: [ApiError.make()(anyText, { status: 404, message: "" })]
    })
    expect(Extension.make).type.toBeCallableWith("auth", {
      auditEvents: [AuditEvent.make(`${anyText}-x`, { level: "Info", message: "" })]
    })
  })

  test("may be registered while the application runs", () => {
    expect(Extension.register).type.toBeCallableWith({ name: anyText, errors, exceptions, auditEvents })
    expect(Extension.register).type.toBeCallableWith(Extension.make("auth", { errors: [Locked] }))
  })
})
