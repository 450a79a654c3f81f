// Errors, made and answered without a server.
import { Effect } from "effect"
import assert from "node:assert/strict"
import { AuditSink, HttpErrors } from "../../../dist/index.js"
import * as ByHand from "../servers/byHand.mjs"
import * as Registered from "../servers/registered.mjs"
import { repeat, runWith, timed } from "./effect.mjs"

const count = 50_000
const handled = HttpErrors.handle(Registered.limited)
const bodyOf = (response) => new TextDecoder().decode(response.body.body)

const answering = (answer) => () => () =>
  runWith(
    Effect.gen(function* () {
      assert.equal(bodyOf(yield* answer), bodyOf(yield* ByHand.limited), "The answers differ")
      return yield* timed(
        count,
        repeat(count, () => answer)
      )
    }),
    { sink: AuditSink.empty }
  )

export const contestants = { byHand: answering(ByHand.limited), handle: answering(handled) }
