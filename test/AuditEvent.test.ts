import { assert, describe, it } from "@effect/vitest"
import { Duration, Either, Schema } from "effect"
import * as AuditEvent from "../src/AuditEvent.js"

describe("make", () => {
  it("declares an event that is plain data", () => {
    const event = AuditEvent.make("auth-login-failed", {
      level: "Warning",
      message: "User '{user}' failed to log in from {ip}: {reason}",
      description: "When a token is wrong"
    })
    assert.deepInclude(event, {
      type: "auth-login-failed",
      level: "Warning",
      text: "User '{user}' failed to log in from {ip}: {reason}",
      description: "When a token is wrong"
    })
    assert.deepStrictEqual(Object.keys(event.fields), ["reason"])
    assert.deepStrictEqual(Either.getOrThrow(event.template).parameters, ["user", "ip", "reason"])
  })

  it("does not throw for what is wrong: its registration is refused", () => {
    const event = AuditEvent.make("x" as string, { level: "Info", message: "{" as string })
    assert.isTrue(Either.isLeft(event.template))
    assert.deepStrictEqual(event.fields, {})
  })

  it("keeps how its events collapse, and takes no time for what is no duration", () => {
    const collapseOf = (within: unknown, by?: ReadonlyArray<string>) =>
      AuditEvent.make("x", { level: "Info", message: "{a}", collapse: { within: within as string as "1 second", by } })
        .collapse
    assert.deepStrictEqual(collapseOf("1 minute", ["ip", "a"]), { within: Duration.minutes(1), by: ["ip", "a"] })
    assert.deepStrictEqual(collapseOf(1_500), { within: Duration.millis(1_500), by: undefined })
    for (const wrong of ["soon", null, {}, Number.NaN]) {
      assert.strictEqual(Duration.toMillis(collapseOf(wrong)!.within), 0)
    }
  })

  it("encodes its fields by their Schemas, in their order", () => {
    const event = AuditEvent.make("x", {
      level: "Info",
      message: "{at}",
      fields: {
        at: Schema.Date,
        tags: Schema.optionalWith(Schema.Set(Schema.String), { as: "Option" }),
        n: Schema.BigInt
      }
    })
    const at = new Date(0)
    assert.deepStrictEqual(event.encode({ n: 1n, at, tags: { _tag: "None" } }, "keep").details, {
      at: "1970-01-01T00:00:00.000Z",
      n: "1",
      tags: { _tag: "None" }
    })
  })
})
