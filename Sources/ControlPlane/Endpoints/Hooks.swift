internal import ConnectorKit
internal import Crypto
internal import Kernel
internal import Store
internal import Telemetry
internal import Wire

extension Endpoints {
    static let hooks: [Endpoint] = [
        Endpoint(.post, "/hooks/{connection}", .open) { visit in try await deliver(visit) }
    ]

    /// A platform delivers an event. The signature is checked over the raw bytes; what they say nobody looks at here. 200 means that the
    /// delivery is committed, sealed for its tenant.
    private static func deliver(_ visit: Visit) async throws -> HTTPResponse {
        let desk = visit.desk
        let id: ConnectionID = try visit.identifier("connection")
        guard let entry = try await desk.hooks.entry(id), let connector = desk.connectors[entry.platform] as? any SourceConnector else {
            desk.metrics.count(.webhooks, ("platform", "none"), ("result", "unknown"))
            throw Refusal.notFound("There is no connection that takes deliveries at this path.")
        }
        guard let secret = entry.secret, let delivery = connector.verify(visit.request.fields, body: visit.request.body, secret: secret) else {
            desk.metrics.count(.webhooks, ("platform", entry.platform), ("result", "refused"))
            desk.log.warning(.webhookRefused, ("connection", id.description), ("platform", entry.platform), ("request", visit.id))
            throw Refusal(401, "signature_refused", "The delivery's signature is missing or wrong.", remedy: "Check the connection's webhook secret.")
        }
        guard let key = entry.publicKey else {
            desk.hooks.forget(id)
            throw Refusal.keysPending
        }
        let context = Array("event \(entry.tenant) \(id)".utf8)
        let sealed = try key.seal(visit.request.body, context: context, random: SystemRandom())
        do throws(Fault) {
            try await desk.intake.keep(NewEvent(
                tenant: entry.tenant, connection: id, topic: String(delivery.topic.prefix(200)), deliveryID: deliveryID(delivery.deliveryID), sealedBody: sealed))
        } catch {
            desk.metrics.count(.webhooks, ("platform", entry.platform), ("result", "failed"))
            desk.hooks.forget(id)
            // Removed since it was last looked up.
            if error.code == "foreign_key_violation" { throw Refusal.notFound("There is no connection that takes deliveries at this path.") }
            throw error
        }
        desk.metrics.count(.webhooks, ("platform", entry.platform), ("result", "accepted"))
        return HTTPResponse(200, fields: ["Content-Type": "application/json"], body: Array("{}".utf8))
    }

    /// An id that the table can't hold is kept as its digest: it still tells the delivery from others.
    private static func deliveryID(_ text: String) -> String {
        (1 ... 200).contains(text.unicodeScalars.count) ? text : "sha256:" + Digest.sha256(Array(text.utf8)).hexText
    }
}

extension Refusal {
    /// The scheduler makes a new tenant's keys; until then nothing can be sealed for it.
    static var keysPending: Refusal {
        var out = Refusal(
            503, "tenant_keys_pending", "The tenant's keys have not been made yet.", remedy: "Send it again shortly; if this stays so, check that a scheduler runs.")
        out.fields["Retry-After"] = "\(ControlPlaneLimits.retryAfterSeconds)"
        return out
    }
}
