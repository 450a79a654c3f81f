/** Where the services are that `npm run test:services` needs. */
export const databaseUrl = process.env["DATABASE_URL"] ?? "postgres://postgres@127.0.0.1:5432/test"
export const natsUrl = process.env["NATS_URL"] ?? "nats://127.0.0.1:4222"
