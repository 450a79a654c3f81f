import { Multipart } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Exit, Option, Stream } from "effect"
import fc from "fast-check"
import * as Parts from "../../src/internal/multipart.js"

const encode = (text: string) => new TextEncoder().encode(text)

const field = (name: string, value: string, boundary = "x-y") =>
  `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
const file = (name: string, content: string, boundary = "x-y") =>
  `--${boundary}\r\nContent-Disposition: form-data; name="${name}"; filename="a.txt"\r\n\r\n${content}\r\n`

const form = `${field("one", "1")}${file("two", "hello\r\n--x-\r\n--x-no, almost")}${field("three", "3")}--x-y--\r\n`

const headersOf = (boundary: string) => ({ "content-type": `multipart/form-data; boundary=${boundary}` })

/** What a body holds, with the files read. A parser that waits without end is found by the clock. */
const read = (chunks: ReadonlyArray<Uint8Array>, headers: Record<string, string> = headersOf("x-y")) =>
  Parts.parts(Stream.fromIterable(chunks), headers).pipe(
    Stream.mapEffect((part) =>
      part._tag === "Field"
        ? Effect.succeed([part.key, part.value])
        : Effect.map(part.contentEffect, (content) => [part.key, part.name, new TextDecoder().decode(content)])
    ),
    Stream.runCollect,
    Effect.map(Chunk.toReadonlyArray),
    Effect.timeoutFail({ duration: "5 seconds", onTimeout: () => "it does not end" as const }),
    Effect.exit
  )

/** The text in pieces of the given sizes, over and over. */
const cut = (text: string, sizes: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const bytes = encode(text)
  const chunks: Array<Uint8Array> = []
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const size = sizes[n % sizes.length]!
    chunks.push(bytes.slice(at, at + size))
    at += size
  }
  return chunks
}

const all = [
  ["one", "1"],
  ["two", "a.txt", "hello\r\n--x-\r\n--x-no, almost"],
  ["three", "3"]
]

const assertMalformed = (exit: Exit.Exit<unknown, unknown>, what: string) => {
  assert.isTrue(Exit.isFailure(exit) && exit.cause._tag === "Fail", `${what}: ${String(exit)}`)
  const error = Exit.isFailure(exit) && exit.cause._tag === "Fail" ? exit.cause.error : undefined
  assert.isTrue(error instanceof Multipart.MultipartError && error.reason === "Parse", `${what}: ${String(exit)}`)
}

describe("parts", () => {
  it.live("are the same, however the body is cut into chunks", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), async (sizes) => {
          const exit = await Effect.runPromise(read(cut(form, sizes)))
          assert.deepStrictEqual(Exit.isSuccess(exit) ? exit.value : exit, all)
        }),
        { numRuns: 300 }
      )
    )
  )

  it.live("of a body that was cut off fail, wherever that was and however it came", () =>
    Effect.gen(function* () {
      const whole = form.length - "\r\n".length
      for (let length = 0; length < whole; length++) {
        for (const size of [1, 7, 10_000]) {
          assertMalformed(yield* read(cut(form.slice(0, length), [size])), `${length} bytes, ${size} at a time`)
        }
      }
      assert.isTrue(Exit.isSuccess(yield* read([encode(form.slice(0, whole))])))
    })
  )

  it.live("are there with text before the first and after the last", () =>
    Effect.gen(function* () {
      const text = `hello\r\n${form}and more \r\n--x-y\r\n and more`
      const exit = yield* read(cut(text, [9]))
      assert.deepStrictEqual(Exit.isSuccess(exit) ? exit.value : exit, all)
    })
  )

  it.live("take any boundary that RFC 2046 allows, and no other", () =>
    Effect.gen(function* () {
      for (const boundary of ["a", "'()+_,-./:=?", "a b", "-".repeat(70)]) {
        const body = encode(`${field("one", "1", boundary)}--${boundary}--`)
        const exit = yield* read([body], headersOf(`"${boundary}"`))
        assert.deepStrictEqual(Exit.isSuccess(exit) ? exit.value : exit, [["one", "1"]], boundary)
      }
      for (const value of ["", '""', '"a ', `"${"x".repeat(71)}"`, '"a "', "é", "a; boundary=b", '"a\\"b"']) {
        assertMalformed(yield* read([encode(form)], headersOf(value)), value)
      }
      assertMalformed(yield* read([encode(form)], {}), "no header")
    })
  )

  it.live("pass the failure of the body on, after what has come", () =>
    Effect.gen(function* () {
      for (let length = 0; length < form.length; length += 5) {
        const body = Stream.concat(Stream.make(encode(form.slice(0, length))), Stream.fail("gone" as const))
        const read = Parts.parts(body, headersOf("x-y")).pipe(
          Stream.runForEach((part) => (part._tag === "File" ? Stream.runDrain(part.content) : Effect.void)),
          Effect.timeoutFail({ duration: "5 seconds", onTimeout: () => "it does not end" as const })
        )
        assert.strictEqual(yield* Effect.flip(read), "gone", `${length}`)
      }
    })
  )

  it.scopedLive("with the name of a file that is encoded wrongly are malformed, persisted as well", () =>
    Effect.gen(function* () {
      const disposition = `Content-Disposition: form-data; name="file"; filename*=utf-8''%zz`
      const body = [encode(`--x-y\r\n${disposition}\r\n\r\nhello\r\n--x-y--`)]
      assertMalformed(yield* read(body), "streamed")
      const parts = Parts.parts(Stream.fromIterable(body), headersOf("x-y"))
      assertMalformed(yield* Effect.exit(Parts.persisted(parts)), "persisted")
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.live("are a thousand at most, unless the application says otherwise", () =>
    Effect.gen(function* () {
      const body = (count: number) => [encode(`${field("a", "1").repeat(count)}--x-y--`)]
      assert.isTrue(Exit.isSuccess(yield* read(body(1000))))
      const reasonOf = (exit: Exit.Exit<unknown, unknown>) =>
        Exit.isFailure(exit) && exit.cause._tag === "Fail" && exit.cause.error instanceof Multipart.MultipartError
          ? exit.cause.error.reason
          : undefined
      assert.strictEqual(reasonOf(yield* read(body(1001))), "TooManyParts")
      assert.isTrue(Exit.isSuccess(yield* Multipart.withMaxParts(read(body(1001)), Option.some(2000))))
      assert.strictEqual(reasonOf(yield* Multipart.withMaxParts(read(body(11)), Option.some(10))), "TooManyParts")
    })
  )
})
