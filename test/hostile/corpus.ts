/**
 * Requests that nobody sends by accident, as the bytes on the wire, with the status that each must be answered with.
 */

export interface Hostile {
  readonly name: string
  readonly bytes: Uint8Array
  /** On all surfaces, or where they know different things: a plain pipeline has no 405, and only an api knows content types. */
  readonly status: number | { readonly api: number; readonly router: number; readonly pipeline: number }
}

/** What the servers under attack take: bodies up to this many bytes, and files of up to `maxFile`. */
export const maxBody = 100_000
export const maxFile = 10_000

const text = new TextEncoder()

const bytes = (...parts: ReadonlyArray<string | Uint8Array>): Uint8Array => {
  const encoded = parts.map((part) => (typeof part === "string" ? text.encode(part) : part))
  const whole = new Uint8Array(encoded.reduce((sum, part) => sum + part.length, 0))
  encoded.reduce((at, part) => (whole.set(part, at), at + part.length), 0)
  return whole
}

const raw = (name: string, status: Hostile["status"], ...parts: ReadonlyArray<string | Uint8Array>): Hostile => ({
  name,
  status,
  bytes: bytes(...parts)
})

const head = (line: string, headers: ReadonlyArray<string> = []) =>
  [line, "Host: localhost", "Connection: close", ...headers, "", ""].join("\r\n")

const get = (path: string, status: Hostile["status"], headers?: ReadonlyArray<string>, name = `GET ${path}`) =>
  raw(name.slice(0, 80), status, head(`GET ${path} HTTP/1.1`, headers))

const post = (
  name: string,
  status: Hostile["status"],
  body: string | Uint8Array,
  headers: ReadonlyArray<string> = ["Content-Type: application/json"],
  path = "/items"
) => {
  const content = typeof body === "string" ? text.encode(body) : body
  return raw(name, status, head(`POST ${path} HTTP/1.1`, [`Content-Length: ${content.length}`, ...headers]), content)
}

const chunked = (name: string, status: Hostile["status"], body: string, headers: ReadonlyArray<string> = []) =>
  raw(
    name,
    status,
    head("POST /items HTTP/1.1", ["Content-Type: application/json", "Transfer-Encoding: chunked", ...headers]),
    body
  )

const inChunks = (body: string, size = 1000) => {
  const parts: Array<string> = []
  for (let at = 0; at < body.length; at += size) {
    const part = body.slice(at, at + size)
    parts.push(`${part.length.toString(16)}\r\n${part}\r\n`)
  }
  return `${parts.join("")}0\r\n\r\n`
}

const good = '{"name":"tea","count":2}'

const methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "PROPFIND", "SEARCH", "PURGE"]

const notAllowed = { api: 405, router: 405, pipeline: 404 }

const byMethod = methods.flatMap((method): ReadonlyArray<Hostile> => {
  const send = (path: string, status: Hostile["status"]) =>
    raw(`${method} ${path}`, status, head(`${method} ${path} HTTP/1.1`, ["Content-Length: 0"]))
  const isRead = method === "GET" || method === "HEAD"
  const isOptions = method === "OPTIONS"
  const options = { api: 200, router: 200, pipeline: 404 }
  return [
    send("/items/1", isRead ? 200 : isOptions ? options : notAllowed),
    send("/items/404", isRead ? 404 : isOptions ? options : notAllowed),
    send("/items", method === "POST" ? 400 : isOptions ? options : notAllowed),
    send("/boom", isRead ? 500 : isOptions ? options : notAllowed),
    send("/nowhere", 404)
  ]
})

const paths = [
  "/",
  "//",
  "/..",
  "/../../etc/passwd",
  "/%2e%2e/%2e%2e/etc/passwd",
  "/./items/1",
  "/items/1/extra",
  "/__proto__",
  "/constructor",
  "/toString",
  "/hasOwnProperty",
  "/prototype",
  "/;",
  "/?",
  "/?a=1&a=2&a[]=3",
  "/.env",
  "/admin.php?id=1'--",
  "/<script>alert(1)</script>",
  "/$%7Bjndi:ldap%7D",
  "/~",
  "/%20",
  "/%0d%0aSet-Cookie:x=1",
  "/a".repeat(2000)
].map((path) => get(path, 404))

const oddPaths: ReadonlyArray<Hostile> = [
  ...["/%", "/%zz", "/%ff", "/%c0%af", "/%ed%a0%80", "/items/%", "/items/%zz", "/items/%ff"].map((path) =>
    get(path, path.startsWith("/items/") ? { api: 404, router: 404, pipeline: 404 } : 404)
  ),
  ...[
    "abc",
    "NaN",
    "1e999",
    "0x10x",
    "1.5.2",
    "--1",
    "null",
    "undefined",
    "[object Object]",
    "1,2",
    "%20x",
    "__proto__"
  ].map((id) => get(`/items/${encodeURI(id)}`, 400)),
  ...["?q=%", "?q=%zz", "?__proto__[x]=1", `?q=${"x".repeat(5000)}`, `?${"a=1&".repeat(1000)}`, "?=&=&&&"].map(
    (query) => get(`/items/1${query}`, 200)
  ),
  get("http://elsewhere.example/items/1", { api: 200, router: 200, pipeline: 200 }),
  get("*", 404),
  raw("a path without a slash", 400, head("GET items/1 HTTP/1.1")),
  raw(
    "bytes above ASCII in the path",
    400,
    "GET /",
    Uint8Array.of(0xff, 0xfe, 0xc3),
    head(" HTTP/1.1").replace(/^ /, " ")
  ),
  raw("a space in the path", 400, head("GET /items/1 2 HTTP/1.1")),
  raw("a null byte in the path", 400, head("GET /items/\u0000 HTTP/1.1")),
  raw("a path of 20,000 characters", 431, head(`GET /${"x".repeat(20_000)} HTTP/1.1`))
]

const bodies: ReadonlyArray<Hostile> = [
  ...[
    "",
    "{",
    "}",
    "[",
    '{"name":',
    "{'name':'tea'}",
    "{name:1}",
    '{"name":"tea","count":2',
    '{"name":"tea","count":2,}',
    '{"name":"tea" "count":2}',
    `${good}${good}`,
    `${good}x`,
    "nul",
    "undefined",
    "NaN",
    "Infinity",
    "// comment",
    "/* comment */ {}",
    "\u0000",
    '"\u0000"',
    "<xml/>",
    "name=tea&count=2",
    "[".repeat(50_000),
    "[".repeat(5_000) + "]".repeat(5_000),
    '{"a":'.repeat(5_000) + "1" + "}".repeat(5_000)
  ].map((body) => post(`the body ${JSON.stringify(body.slice(0, 30))} of ${body.length}`, 400, body)),
  ...[
    "null",
    "true",
    "7",
    '"text"',
    "[]",
    "{}",
    "[1,2]",
    '{"name":"tea"}',
    '{"count":2}',
    '{"name":null,"count":2}',
    '{"name":["tea"],"count":2}',
    '{"name":"tea","count":"2"}',
    '{"name":"tea","count":1.5}',
    '{"name":"tea","count":1e999}',
    '{"name":"tea","count":{"valueOf":1}}',
    '{"Name":"tea","Count":2}',
    '{"__proto__":{"name":"tea","count":2}}',
    '{"constructor":{"prototype":{"name":"tea"}}}',
    '{"name":{"toString":"x"},"count":2}',
    '{"name":"","count":2}'
  ].map((body) => post(`the JSON ${body.slice(0, 40)}`, 400, body)),
  post("invalid UTF-8", 400, bytes('{"name":"', Uint8Array.of(0xff, 0xfe), '","count":2}')),
  post("overlong UTF-8", 400, bytes('{"name":"', Uint8Array.of(0xc0, 0x80), '","count":2}')),
  post("UTF-16", 400, bytes(...Array.from(good, (char) => Uint8Array.of(char.charCodeAt(0), 0)))),
  post("lone surrogates", 200, '{"name":"\\ud800","count":2}'),
  post("members twice", 200, '{"name":"x","name":"tea","count":2}'),
  post("a member called __proto__ beside", 200, '{"name":"tea","count":2,"__proto__":{"x":1}}'),
  post("many members", 200, `{"name":"tea","count":2,${Array.from({ length: 5000 }, (_, n) => `"m${n}":1`).join(",")}}`)
]

const nested = (depth: number, more = "") => `${`{${more}"child":`.repeat(depth)}null${"}".repeat(depth)}`

const trees: ReadonlyArray<Hostile> = [
  post("a tree", 200, `{"a":${nested(1)}}`, undefined, "/forest"),
  post("a tree that fits nowhere, 100 deep", 400, `{"a":${nested(100)}}`, undefined, "/forest"),
  post("names of 50,000 characters", 400, `{"${"k".repeat(50_000)}":1}`, undefined, "/forest"),
  post(
    "1,000 wrong trees",
    400,
    `{${Array.from({ length: 1000 }, (_, n) => `"${n}":1`).join()}}`,
    undefined,
    "/forest"
  ),
  post("names that change the direction", 400, '{"\u202e\u200b":1}', undefined, "/forest"),
  post("names of what objects have", 400, '{"__proto__":1,"constructor":1,"toString":1}', undefined, "/forest")
]

const contentTypes: ReadonlyArray<Hostile> = [
  ...[
    "application/xml",
    "image/png",
    "application/octet-stream",
    "application/x-msgpack",
    "application/problem+json",
    "application/vnd.api+json",
    "video/mp4",
    "font/woff2",
    "x/y",
    "*/*"
  ].map((type) => post(`the type ${type}`, { api: 415, router: 200, pipeline: 200 }, good, [`Content-Type: ${type}`])),
  ...["text/plain", "text/html", "application/x-www-form-urlencoded"].map((type) =>
    post(`the type ${type}`, { api: 415, router: 200, pipeline: 200 }, good, [`Content-Type: ${type}`])
  ),
  ...["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=x"].map((type) =>
    post(`the type ${type}`, { api: 415, router: 200, pipeline: 200 }, good, [`Content-Type: ${type}`])
  ),
  ...[
    "APPLICATION/JSON",
    "application/json; charset=utf-8",
    "application/json;charset=klingon",
    " application/json "
  ].map((type) => post(`the type ${JSON.stringify(type)}`, 200, good, [`Content-Type: ${type}`])),
  post("no type", 200, good, []),
  ...["gzip", "br", "deflate", "zstd", "nonsense", "gzip, gzip"].map((encoding) =>
    post(`bytes that say they are ${encoding}`, 400, Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0), [
      "Content-Type: application/json",
      `Content-Encoding: ${encoding}`
    ])
  )
]

const part = (name: string, filename: string | undefined, content: string) =>
  `--x\r\nContent-Disposition: form-data; name="${name}"${filename === undefined ? "" : `; filename="${filename}"`}\r\n\r\n${content}\r\n`

const upload = (name: string, status: Hostile["status"], body: string, boundary = "x") =>
  post(name, status, body, [`Content-Type: multipart/form-data; boundary=${boundary}`], "/upload")

const uploads: ReadonlyArray<Hostile> = [
  upload("a file", 200, `${part("file", "a.txt", "hello")}--x--\r\n`),
  upload("a file with a path for a name", 200, `${part("file", "../../etc/passwd", "hello")}--x--\r\n`),
  upload("an empty multipart body", 400, ""),
  upload("a multipart body that does not end", 400, part("file", "a.txt", "hello")),
  upload("another boundary", 400, `${part("file", "a.txt", "hello")}--x--\r\n`, "y"),
  upload("no boundary", 400, `${part("file", "a.txt", "hello")}--x--\r\n`, ""),
  upload("a part without a name", 400, `--x\r\nContent-Disposition: form-data\r\n\r\nhello\r\n--x--\r\n`),
  upload("a part without headers", 400, `--x\r\n\r\nhello\r\n--x--\r\n`),
  upload("no file", 400, `${part("other", undefined, "hello")}--x--\r\n`),
  upload("a file beyond the limit", 413, `${part("file", "a.txt", "x".repeat(maxFile + 1))}--x--\r\n`),
  upload("a body beyond the limit", 413, `${part("file", "a.txt", "x".repeat(maxBody))}--x--\r\n`),
  upload(
    "a file name that is encoded wrongly",
    400,
    `--x\r\nContent-Disposition: form-data; name="file"; filename*=utf-8''%zz\r\n\r\nhello\r\n--x--\r\n`
  ),
  upload("an epilogue", 200, `${part("file", "a.txt", "hello")}--x--\r\nand more, --x, \r\n--x`),
  upload("a preamble", 200, `hello\r\n${part("file", "a.txt", "hello")}--x--`),
  upload("nothing but the end", 400, "--x--\r\n"),
  upload("headers that do not end", 400, '--x\r\nContent-Disposition: form-data; name="file'),
  upload("nonsense", 400, "nonsense".repeat(100)),
  post("JSON instead of a form", { api: 415, router: 400, pipeline: 400 }, good, undefined, "/upload")
]

const sized = (size: number) => `{"name":"tea","count":2,"pad":"${"x".repeat(size - 33)}"}`

const sizes: ReadonlyArray<Hostile> = [
  post("a body as large as allowed", 200, sized(maxBody)),
  post("one byte more", 413, sized(maxBody + 1)),
  post("twice as much", 413, sized(2 * maxBody)),
  chunked("as large as allowed, in chunks", 200, inChunks(sized(maxBody))),
  chunked("one byte more, in chunks", 413, inChunks(sized(maxBody + 1))),
  chunked("twice as much, in chunks", 413, inChunks(sized(2 * maxBody))),
  chunked("in chunks of one byte", 200, inChunks(good, 1)),
  raw(
    "a length beyond all numbers",
    400,
    head("POST /items HTTP/1.1", ["Content-Length: 99999999999999999999999999", "Content-Type: application/json"])
  ),
  raw(
    "a length of 1 TB",
    413,
    head("POST /items HTTP/1.1", ["Content-Length: 1000000000000", "Content-Type: application/json"])
  ),
  ...["-1", "abc", "1e3", "+5", "0x10", "5, 6", ""].map((length) =>
    raw(`the length '${length}'`, 400, head("POST /items HTTP/1.1", [`Content-Length: ${length}`]), good)
  ),
  chunked("a chunk size that is no number", 400, "zz\r\nhello\r\n0\r\n\r\n"),
  chunked("a negative chunk size", 400, "-5\r\nhello\r\n0\r\n\r\n"),
  chunked("a chunk larger than its size", 400, "2\r\nhello\r\n0\r\n\r\n"),
  chunked("a chunk extension of 20,000 characters", 413, `5;${"x".repeat(20_000)}\r\nhello\r\n0\r\n\r\n`),
  chunked("both lengths", 400, "0\r\n\r\n", ["Content-Length: 5"])
]

const headers: ReadonlyArray<Hostile> = [
  ...[
    "Accept: ;;;,,,q=9",
    "Accept: application/json;q=0",
    "Accept: text/html",
    `Accept: ${"a/b,".repeat(1000)}`,
    "Accept-Language: -,--,x-x-x,*;q=2",
    `Accept-Language: ${"a-".repeat(2000)}`,
    "Accept-Encoding: nonsense",
    "Range: bytes=0-1,-1,99-1",
    "If-None-Match: *",
    "X-Request-Id: <script>alert(1)</script>",
    `X-Request-Id: ${"x".repeat(5000)}`,
    "traceparent: 00-zz-zz-zz",
    "b3: 0",
    "X-Forwarded-For: evil, 127.0.0.1, ::1, ' OR 1=1",
    "X-Forwarded-Host: evil.example",
    "Forwarded: for=_hidden;by=_secret",
    "X-HTTP-Method-Override: DELETE",
    "Cookie: =;=;=; __proto__=1; a",
    `Cookie: ${"a=b; ".repeat(1500)}`,
    "Authorization: Basic !!!!",
    "Upgrade: h2c",
    "TE: trailers, deflate",
    "Trailer: Host",
    "__proto__: polluted",
    "constructor: polluted",
    "Origin: null"
  ].map((header) => get("/items/404", 404, [header], header)),
  raw("no host", 400, "GET /items/1 HTTP/1.1\r\nConnection: close\r\n\r\n"),
  raw("HTTP/1.0", 404, "GET /items/404 HTTP/1.0\r\n\r\n"),
  raw("HTTP/9.9", 400, head("GET / HTTP/9.9")),
  raw("no version", 404, head("GET /")),
  raw("no HTTP at all", 400, "hello\r\n\r\n"),
  raw("a TLS greeting", 400, Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03)),
  raw("HTTP/2", 400, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  raw("a method that nobody knows", 400, head("BREW /items/1 HTTP/1.1")),
  raw("a method in small letters", 400, head("get /items/1 HTTP/1.1")),
  raw("a header without a colon", 400, head("GET / HTTP/1.1", ["nonsense"])),
  raw("a header with a space in its name", 400, head("GET / HTTP/1.1", ["a b: c"])),
  raw("a header without a name", 400, head("GET / HTTP/1.1", [": c"])),
  raw("a null byte in a header", 400, head("GET / HTTP/1.1", ["a: b\u0000c"])),
  raw("a bare line feed in a header", 400, head("GET / HTTP/1.1", ["a: b\nc"])),
  raw("a header of 20,000 characters", 431, head("GET / HTTP/1.1", [`a: ${"x".repeat(20_000)}`])),
  raw(
    "2,000 headers",
    431,
    head(
      "GET / HTTP/1.1",
      Array.from({ length: 2000 }, (_, n) => `header-${n}: value`)
    )
  ),
  raw("an encoding of the transfer that nobody knows", 400, head("POST /items HTTP/1.1", ["Transfer-Encoding: magic"])),
  raw("an expectation", 417, head("POST /items HTTP/1.1", ["Expect: a miracle", "Content-Length: 0"])),
  raw("CONNECT", 501, "CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n")
]

export const corpus: ReadonlyArray<Hostile> = [
  ...byMethod,
  ...paths,
  ...oddPaths,
  ...bodies,
  ...trees,
  ...contentTypes,
  ...uploads,
  ...sizes,
  ...headers
]
