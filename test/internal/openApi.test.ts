import { Validator } from "@seriousme/openapi-schema-validator"
import { HttpApi, HttpApiEndpoint, HttpApiGroup, HttpApiMiddleware, HttpApiSecurity, OpenApi } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import openapiTS, { astToString, type OpenAPI3 } from "openapi-typescript"
import * as ApiError from "../../src/ApiError.js"
import { BadRequest } from "../../src/BuiltInErrors.js"
import { transform } from "../../src/internal/openApi.js"
import * as RegisteredApi from "../../src/RegisteredApi.js"

class NoBadger extends ApiError.make<NoBadger>()("zoo-no-badger", {
  status: 404,
  message: "There is no badger {animal}",
  description: "Nobody of that\nname lives here",
  fields: {
    animal: Schema.String,
    title: Schema.Int,
    status: Schema.optional(Schema.Int),
    seen: Schema.optional(Schema.Date)
  }
}) {}
class NoCage extends ApiError.make<NoCage>()("zoo-no-cage", { status: 404, message: "There is no cage" }) {}
class Lion extends ApiError.make<Lion>()("zoo-lion", {
  status: 409,
  message: "{lions} lions",
  fields: { lions: Schema.Int }
}) {}
class LionGone extends ApiError.make<LionGone>()("zoo-lion", { status: 410, message: "There was a lion" }) {}
class Anything extends ApiError.make<Anything>()("zoo-anything", { status: 422, message: "{what} is wrong" }) {}
class Foreign extends Schema.TaggedError<Foreign>()("Foreign", { a: Schema.String }) {}

class Cage extends Schema.Class<Cage>("Cage")({ size: Schema.Int }) {}
class Full extends ApiError.make<Full>()("zoo-full", { status: 409, message: "It is full", fields: { cage: Cage } }) {}

const Badgers = HttpApiGroup.make("badgers")
  .add(
    HttpApiEndpoint.post("put", "/badgers/:id")
      .setPath(Schema.Struct({ id: Schema.NumberFromString }))
      .setPayload(Schema.Struct({ name: Schema.NonEmptyString }))
      .addSuccess(Cage)
      .addError(NoBadger)
      .addError(NoCage)
      .addError(Lion)
      .addError(Full)
  )
  .add(HttpApiEndpoint.get("get", "/badgers").addError(LionGone).addError(Anything).addError(NoBadger))
class Zoo extends RegisteredApi.make("zoo").add(Badgers) {}

interface Response {
  readonly description: string
  readonly headers?: Readonly<Record<string, { readonly description?: string; readonly schema: unknown }>>
  readonly content: Readonly<Record<string, Media>>
}
interface Media {
  readonly schema: unknown
  readonly examples: Readonly<Record<string, { readonly value: unknown }>>
}
/** As it is served. */
const documentOf = (api: HttpApi.HttpApi.Any) =>
  JSON.parse(JSON.stringify(OpenApi.fromApi(api as HttpApi.HttpApi<"zoo">))) as {
    readonly paths: Readonly<
      Record<string, Readonly<Record<string, { readonly responses: Readonly<Record<string, Response>> }>>>
    >
    readonly components: { readonly schemas: Readonly<Record<string, Record<string, unknown>>> }
  }
const document = documentOf(Zoo)
const responseOf = (path: string, method: string, status: number) => document.paths[path]![method]!.responses[status]!
const json = "application/json"
const problem = "application/problem+json"

const validate = async (spec: object) => {
  const { valid, errors } = await new Validator().validate(structuredClone(spec) as Record<string, unknown>)
  assert.isTrue(valid, JSON.stringify(errors))
}

describe("every error of a status", () => {
  it("is in the Schema, in both forms, under its own name", () => {
    const { content } = responseOf("/badgers/{id}", "post", 404)
    const refs = (...names: ReadonlyArray<string>) => ({
      anyOf: names.map((name) => ({ $ref: `#/components/schemas/${name}` }))
    })
    assert.deepStrictEqual(content[json]!.schema, refs("ZooNoBadger", "ZooNoCage"))
    assert.deepStrictEqual(content[problem]!.schema, refs("ZooNoBadgerProblem", "ZooNoCageProblem"))
    assert.deepStrictEqual(responseOf("/badgers", "get", 410).content[json]!.schema, {
      $ref: "#/components/schemas/ZooLion410"
    })
  })

  it("is in the description, on a line", () => {
    assert.strictEqual(
      responseOf("/badgers/{id}", "post", 404).description,
      "- `zoo-no-badger`: Nobody of that name lives here\n- `zoo-no-cage`: There is no cage"
    )
    assert.strictEqual(responseOf("/badgers", "get", 410).description, "`zoo-lion`: There was a lion")
  })

  it("has an example that decodes, in both forms", () => {
    const classes = [NoBadger, NoCage, Lion, LionGone, Anything, Full, BadRequest]
    const media = Object.values(document.paths)
      .flatMap((path) => Object.values(path))
      .flatMap(({ responses }) => Object.entries(responses))
      .filter(([status]) => Number(status) >= 400)
      .flatMap(([status, { content }]) =>
        Object.entries(content).map(([type, { examples }]) => ({ status, type, examples }))
      )
    assert.isAbove(media.length, 10)
    for (const { status, examples } of media) {
      assert.isNotEmpty(Object.keys(examples))
      for (const [id, { value }] of Object.entries(examples)) {
        const of = classes.find((error) => error.id === id && String(error.status) === status)!
        const Body: Schema.Schema<{ readonly _tag: string }, ApiError.Body> = of as never
        assert.strictEqual(Schema.decodeUnknownSync(Body)(value).constructor, of)
      }
    }
  })
})

describe("the id of the request", () => {
  it("is a header of each error, and of nothing else", () => {
    const responses = Object.values(document.paths)
      .flatMap((path) => Object.values(path))
      .flatMap(({ responses }) => Object.entries(responses))
    for (const [status, { headers }] of responses) {
      if (Number(status) < 400) assert.isUndefined(headers)
      else {
        assert.deepStrictEqual(Object.keys(headers!), ["x-request-id"])
        const { description, ...rest } = headers!["x-request-id"]!
        assert.isString(description)
        assert.deepStrictEqual(rest, { schema: { type: "string" } })
      }
    }
  })

  it("takes no header away that is there", () => {
    const own = { "retry-after": { schema: { type: "integer" } }, "x-request-id": { schema: { type: "string" } } }
    const { responses } = structuredClone(document).paths["/badgers"]!["get"]!
    const spec = { ...document, paths: { "/": { get: { responses: { 410: { ...responses[410], headers: own } } } } } }
    const changed = transform(spec as never) as unknown as typeof spec
    assert.deepStrictEqual(changed.paths["/"].get.responses[410].headers, own)
  })
})

describe("the Schemas", () => {
  it("say the id as a literal, the message, and the details", () => {
    const { properties } = document.components.schemas["ZooNoBadger"] as never as {
      properties: { error: { properties: Record<string, unknown>; required: unknown } }
    }
    assert.deepStrictEqual(properties.error.properties["id"], { type: "string", enum: ["zoo-no-badger"] })
    assert.deepStrictEqual(properties.error.required, ["id", "message", "details"])
  })

  it("say problem details as they are sent: fields as members, and those with a standard name in details", () => {
    const schema = document.components.schemas["ZooNoBadgerProblem"]!
    assert.deepStrictEqual(schema["required"], ["type", "title", "status", "detail", "details", "animal"])
    const properties = schema["properties"] as Record<string, unknown>
    assert.deepStrictEqual(Object.keys(properties), [
      "type",
      "title",
      "status",
      "detail",
      "instance",
      "animal",
      "seen",
      "details"
    ])
    assert.deepStrictEqual(properties["title"], { type: "string", enum: ["Zoo no badger"] })
    assert.deepStrictEqual(properties["status"], { type: "integer", enum: [404] })
    const details = properties["details"] as Record<string, object>
    assert.deepStrictEqual([details["required"], Object.keys(details["properties"]!)], [["title"], ["title", "status"]])
  })
})

describe("other programs", () => {
  it("find nothing wrong with the document", () => validate(document))

  it("generate a client that knows the errors", async () => {
    const text = astToString(await openapiTS(structuredClone(document) as unknown as OpenAPI3))
    for (const id of ["zoo-no-badger", "zoo-no-cage", "zoo-lion", "zoo-anything", "zoo-full", "bad-request"]) {
      assert.include(text, `id: "${id}"`)
    }
    assert.include(
      text,
      `"application/json": components["schemas"]["ZooNoBadger"] | components["schemas"]["ZooNoCage"]`
    )
    assert.include(text, `"application/problem+json": components["schemas"]["ZooNoBadgerProblem"]`)
  })
})

describe("the transformation", () => {
  it("changes nothing when it is done again", () => {
    assert.deepStrictEqual(transform(document as never), document)
  })

  it("does not change what it is given", () => {
    const Plain = HttpApi.make("plain").add(Badgers)
    const spec = OpenApi.fromApi(Plain)
    const before = structuredClone(spec)
    transform(spec as never)
    assert.deepStrictEqual(spec, before)
  })

  it("loses nothing of errors of another shape", async () => {
    const Mixed = HttpApi.make("mixed")
      .add(
        HttpApiGroup.make("all").add(
          HttpApiEndpoint.get("get", "/")
            .addSuccess(Schema.Struct({ error: Schema.Struct({ id: Schema.Literal("x"), message: Schema.String }) }))
            .addError(Foreign, { status: 404 })
            .addError(NoCage)
            .addError(Schema.Struct({ error: Schema.String }).annotations({ description: "A text" }), { status: 404 })
        )
      )
      .annotate(OpenApi.Transform, transform)
    const mixed = documentOf(Mixed)
    const { description, content } = mixed.paths["/"]!["get"]!.responses[404]!
    const members = (content[json]!.schema as { anyOf: ReadonlyArray<object> }).anyOf
    assert.lengthOf(members, 3)
    assert.deepInclude(members, { $ref: "#/components/schemas/Foreign" })
    assert.deepInclude(members, { $ref: "#/components/schemas/ZooNoCage" })
    assert.strictEqual(description, "- `Foreign`\n- `zoo-no-cage`: There is no cage\n- `another error`: A text")
    const { responses } = mixed.paths["/"]!["get"]!
    // A success may look like an error.
    assert.notProperty(responses[200]!.content, problem)
    for (const status of [200, 400]) assert.notProperty(responses[status], "headers")
    assert.notProperty(responses[400]!.content, problem)
    await validate(mixed)
  })

  it("takes no name that a Schema of the api has", () => {
    class Taken extends Schema.Class<Taken>("ZooNoCage")({ a: Schema.String }) {}
    const Api = RegisteredApi.make("zoo").add(
      HttpApiGroup.make("all").add(HttpApiEndpoint.get("get", "/").addSuccess(Taken).addError(NoCage))
    )
    const { schemas } = documentOf(Api).components
    assert.includeMembers(Object.keys(schemas), ["ZooNoCage", "ZooNoCage404", "ZooNoCageProblem"])
    assert.notProperty(schemas["ZooNoCage"]!["properties"], "error")
  })

  it("leaves the tags of an api within another one alone", async () => {
    const Outer = RegisteredApi.make("outer").addHttpApi(Zoo)
    const outer = documentOf(Outer)
    assert.deepStrictEqual(outer.paths, document.paths)
    await validate(outer)
  })

  it("takes anything", () => {
    for (const spec of [
      {},
      { paths: {} },
      { paths: { "/": { get: { responses: { 404: null } } } } },
      { paths: { "/": { parameters: [] } } }
    ]) {
      assert.deepStrictEqual(transform({ ...spec, components: { schemas: {} } }), {
        ...spec,
        components: { schemas: {} }
      })
    }
  })
})

it("an operation demands what its whole api demands", () => {
  class Token extends HttpApiMiddleware.Tag<Token>()("Token", { security: { token: HttpApiSecurity.bearer } }) {}
  const guarded = documentOf(Zoo.middleware(Token)) as unknown as Record<string, unknown>
  assert.deepStrictEqual(guarded["security"], [{ token: [] }])
  assert.notMatch(JSON.stringify(guarded["paths"]), /"security"/)
  assert.match(JSON.stringify(documentOf(Zoo).paths), /"security":\[\]/)
})

it("a field without a JSON Schema may be anything", () => {
  class Dated extends ApiError.make<Dated>()("zoo-dated", {
    status: 410,
    message: "Since {since}",
    fields: { since: Schema.DateFromSelf, by: Schema.String }
  }) {}
  const Group = HttpApiGroup.make("dated").add(HttpApiEndpoint.get("get", "/dated").addError(Dated))
  const text = JSON.stringify(documentOf(RegisteredApi.make("dated").add(Group)))
  assert.match(text, /"since":\{"title":"unknown"\},"by":\{"type":"string"\}/)
})
