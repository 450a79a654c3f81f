import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { clientAddress } from "../../src/internal/clientAddress.js"

const addresses = fc.oneof(
  fc.ipV4(),
  fc.ipV6().filter((text) => !text.includes("."))
)

describe("clientAddress", () => {
  it("with n trusted proxies cannot be changed by anything the client writes", () => {
    fc.assert(
      fc.property(
        fc.array(addresses, { minLength: 1, maxLength: 4 }),
        fc.oneof(
          fc.string(),
          fc.array(fc.oneof(addresses, fc.string())).map((parts) => parts.join(","))
        ),
        addresses,
        (seen, written, remote) => {
          const honest = clientAddress(remote, seen.join(", "), seen.length)
          assert.strictEqual(clientAddress(remote, `${written}, ${seen.join(", ")}`, seen.length), honest)
          assert.strictEqual(honest, seen[0]!.toLowerCase())
        }
      )
    )
  })

  it("without trusted proxies is the address of the connection, whatever the header says", () => {
    fc.assert(
      fc.property(
        addresses,
        fc.option(fc.string(), { nil: undefined }),
        fc.constantFrom(0, -1),
        (remote, header, trusted) => {
          assert.strictEqual(clientAddress(remote, header, trusted), remote.toLowerCase())
        }
      )
    )
  })

  it("is only ever an address", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.integer({ min: 0, max: 3 }), (remote, header, trusted) => {
        const address = clientAddress(remote, header, trusted)
        if (address !== undefined) assert.match(address, /^[0-9a-f.:]+(%[\w.-]+)?$/)
      })
    )
  })

  const normalized: ReadonlyArray<readonly [text: string, address: string | undefined]> = [
    ["192.0.2.1", "192.0.2.1"],
    ["192.0.2.1:8080", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::FFFF:192.0.2.1", "192.0.2.1"],
    ["[2001:DB8::1]", "2001:db8::1"],
    ["[2001:db8::1]:443", "2001:db8::1"],
    ["[::ffff:192.0.2.1]:443", "192.0.2.1"],
    ["2001:db8::1", "2001:db8::1"],
    ["fe80::1%eth0", "fe80::1%eth0"],
    ["::", "::"],
    ["", undefined],
    ["unknown", undefined],
    ["_hidden", undefined],
    ["localhost", undefined],
    ["256.0.0.1", undefined],
    ["1.2.3", undefined],
    ["1.2.3.4.5", undefined],
    ["<script>", undefined],
    ["192.0.2.1 evil", undefined]
  ]
  for (const [text, address] of normalized) {
    it(`makes ${String(address)} of ${JSON.stringify(text)}`, () => {
      assert.strictEqual(clientAddress(text, undefined, 0), address)
      assert.strictEqual(clientAddress(undefined, text, 1), address)
    })
  }

  it("is the address of the connection where the proxies say nothing", () => {
    assert.strictEqual(clientAddress("192.0.2.1", undefined, 2), "192.0.2.1")
    assert.strictEqual(clientAddress("192.0.2.1", "203.0.113.1", 2), "203.0.113.1")
    assert.isUndefined(clientAddress(undefined, undefined, 2))
  })
})
