// Nothing but Node.
import { createServer } from "node:http"
import { files } from "./byHand.mjs"
import { launchPlain } from "./launch.mjs"

const server = createServer((request, response) => {
  if (request.url !== "/ok") return response.writeHead(404).end()
  const body = JSON.stringify(files)
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) }).end(body)
})

launchPlain(({ host, port }) => new Promise((resolve) => server.listen(port, host, () => resolve(server))))
