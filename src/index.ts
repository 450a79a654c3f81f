/**
 * Registered errors and audit trails for Effect.
 */
export * as ApiError from "./ApiError.js"
export * as AppLog from "./AppLog.js"
export * as AuditContext from "./AuditContext.js"
export * as AuditEvent from "./AuditEvent.js"
export * as AuditLog from "./AuditLog.js"
export * as AuditRecord from "./AuditRecord.js"
export * as AuditRegistry from "./AuditRegistry.js"
export * as AuditSink from "./AuditSink.js"
export * as ErrorRegistry from "./ErrorRegistry.js"
export * as Extension from "./Extension.js"
export * as HttpAudit from "./HttpAudit.js"
export * as HttpErrors from "./HttpErrors.js"
export * as Logs from "./Logs.js"
export * as MessageTemplate from "./MessageTemplate.js"
export * as Registrar from "./Registrar.js"
export * as Registration from "./Registration.js"
