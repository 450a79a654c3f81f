/**
 * Which bodies an endpoint takes. The platform reads a body as its `Content-Type` says, whatever the Schema of the payload can
 * be sent as, and finds out later that it does not fit.
 */
import { Headers, HttpApiSchema, HttpMethod } from "@effect/platform"
import type { HttpServerRequest } from "@effect/platform"
import type { SchemaAST as AST } from "effect"
import { membersOf } from "./union.js"

type Kind = HttpApiSchema.Encoding["kind"] | "Multipart"

/** The request as the platform reads it rightly, or nothing where the payload is never sent as this media type. */
export type Reader = (request: HttpServerRequest.HttpServerRequest) => HttpServerRequest.HttpServerRequest | undefined

export const readerFor = (payload: AST.AST): Reader => {
  const kinds = new Set<Kind>()
  const kindByMediaType = new Map<string, Kind>()
  for (const member of membersOf(payload)) {
    if (isMultipart(payload) || isMultipart(member)) {
      kinds.add("Multipart")
      continue
    }
    const { kind, contentType } = HttpApiSchema.getEncoding(member, HttpApiSchema.getEncoding(payload))
    kinds.add(kind)
    kindByMediaType.set(essence(contentType), kind)
  }

  return (request) => {
    const { "content-type": contentType, "content-length": length, "transfer-encoding": coding } = request.headers
    if (!HttpMethod.hasBody(request.method)) return request
    const hasBody = coding !== undefined || (length !== undefined && length.trim() !== "0")
    // Without a type the platform takes it for JSON.
    const kind = contentType === undefined ? "Json" : kindOf(contentType)
    const declared = contentType === undefined ? undefined : kindByMediaType.get(essence(contentType))
    if (declared !== undefined && declared !== kind) {
      // Named by the endpoint, but to the platform it is bytes: `application/problem+json`, for one.
      return request.modify({ headers: Headers.set(request.headers, "content-type", typeOf[declared]) })
    }
    return kinds.has(kind) || !hasBody ? request : undefined
  }
}

const isMultipart = (ast: AST.AST): boolean =>
  HttpApiSchema.getMultipart(ast) !== undefined || HttpApiSchema.getMultipartStream(ast) !== undefined

/** Without parameters. */
const essence = (contentType: string): string => (contentType.split(";", 1)[0] ?? "").trim().toLowerCase()

/** As the platform decides it. */
const kindOf = (contentType: string): Kind => {
  const type = contentType.toLowerCase().trim()
  if (type.includes("application/json")) return "Json"
  if (type.includes("multipart/form-data")) return "Multipart"
  if (type.includes("x-www-form-urlencoded")) return "UrlParams"
  return type.startsWith("text/") ? "Text" : "Uint8Array"
}

const typeOf: Readonly<Record<Kind, string>> = {
  Json: "application/json",
  Multipart: "multipart/form-data",
  UrlParams: "application/x-www-form-urlencoded",
  Text: "text/plain",
  Uint8Array: "application/octet-stream"
}
