internal import ConnectorKit
internal import Crypto
internal import Kernel
internal import Postgres
internal import Store
internal import Telemetry
internal import Wire

extension Endpoints {
    static let hooks: [Endpoint] = [
        Endpoint(.post, "/hooks/{connection}", .open, About(
            "Deliver a platform's event", "Signed as the platform signs, over the raw bytes; up to 4 MiB. Nothing in the body is looked at.",
            body: .content(type: "*/*", "As the platform sends it.", example: "{}"), isRepeatable: false,
            .json(200, .object([]), "It is kept, sealed for its tenant; or it is one that nothing can come of."),
            .refused(401, "`signature_refused`: missing or wrong; `signature_outdated`."), .refused(404, "`not_found`: there is no connection that takes deliveries here."),
            .refused(409, "`event_conflict`: its id was used for other content."),
            .refused(503, "Not kept, or not known to be: deliver it again.")
        ), .hands { visit, done in deliver(visit, done) })
    ]

    private typealias Done = @Sendable (Result<HTTPResponse, any Error>) -> Void

    /// A platform delivers an event. The signature is checked over the raw bytes; what they say nobody looks at here. 200 means that the
    /// delivery is committed, sealed for its tenant.
    private static func deliver(_ visit: Visit, _ done: @escaping Done) {
        let hooks = visit.desk.hooks, name = visit.parameters["connection"] ?? ""
        if visit.request.body.count <= ControlPlaneLimits.inlineBodyBytes, let entry = hooks.remembered(name) { return accept(visit, entry, done) }
        Task {
            do { accept(visit, try await hooks.entry(name), done) } catch { done(.failure(error)) }
        }
    }

    private static func accept(_ visit: Visit, _ entry: HookBook.Entry?, _ done: @escaping Done) {
        do {
            let (event, content, platform) = try checked(visit, entry)
            guard let event else {
                visit.desk.tallies.unused(platform)
                return done(.success(taken))
            }
            if let content { return keep(event, saying: content, visit, platform, done) }
            visit.desk.intake.keep(event) { kept in done(Result { try answer(visit, kept, platform) }) }
        } catch { done(.failure(error)) }
    }

    /// A delivery that is held against what its id said before, in a transaction of its own.
    private static func keep(_ event: NewEvent, saying content: [UInt8], _ visit: Visit, _ platform: String, _ done: @escaping Done) {
        Task {
            var kept = Kept(), failure: Fault?
            do throws(Fault) {
                kept = try await visit.desk.store.transaction { tx throws(Fault) in
                    let kept = try await keep([event], [event.deliveryID: content], tx)
                    if !kept.fresh.isEmpty { _ = try await tx.query(JobStatements.wake()) }
                    return kept
                }
            } catch { failure = error }
            let conflict = !kept.conflicts.isEmpty
            done(Result {
                if let failure { return try answer(visit, .failure(failure), platform) }
                guard conflict else { return try answer(visit, .success(()), platform) }
                visit.desk.metrics.count(.webhooks, ("platform", platform), ("result", "refused"))
                throw Refusal(
                    409, "event_conflict", "The event's id was used for other content, which is kept.",
                    remedy: "Give each event an id of its own, and don't send this one again.")
            })
        }
    }

    private static let taken = HTTPResponse(200, fields: ["Content-Type": "application/json"], body: Array("{}".utf8))

    /// The delivery, whose signature is its connection's, sealed for its tenant; `nil` when its topic can lead to nothing.
    private static func checked(_ visit: Visit, _ entry: HookBook.Entry?) throws -> (NewEvent?, content: [UInt8]?, platform: String) {
        let desk = visit.desk
        guard let entry, let connector = desk.sources[entry.platform] else {
            desk.metrics.count(.webhooks, ("platform", "none"), ("result", "unknown"))
            throw Refusal.notFound("There is no connection that takes deliveries at this path.")
        }
        if connector.isTrial(visit.request.fields, body: visit.request.body) { return (nil, nil, entry.platform) }
        guard let secret = entry.secret, let delivery = connector.verify(visit.request.fields, body: visit.request.body, secret: secret) else {
            desk.metrics.count(.webhooks, ("platform", entry.platform), ("result", "refused"))
            desk.log.warning(.webhookRefused, ("connection", entry.connection.description), ("platform", entry.platform), ("request", visit.id))
            throw Refusal(401, "signature_refused", "The delivery's signature is missing or wrong.", remedy: "Check the connection's webhook secret.")
        }
        if let valid = delivery.valid, !valid.contains(desk.clocks.now()) {
            desk.metrics.count(.webhooks, ("platform", entry.platform), ("result", "refused"))
            desk.log.warning(.webhookRefused, ("connection", entry.connection.description), ("platform", entry.platform), ("request", visit.id))
            throw Refusal(
                401, "signature_outdated", "The delivery was signed too long ago, or in the future.",
                remedy: "Check this host's clock; the platform signs each of its attempts anew.")
        }
        guard connector.uses(topic: delivery.topic) else { return (nil, nil, entry.platform) }
        guard let key = entry.publicKey else {
            forget(visit)
            throw Refusal.keysPending
        }
        let event = NewEvent(
            tenant: entry.tenant, connection: entry.connection, topic: topic(delivery.topic), deliveryID: deliveryID(delivery.deliveryID),
            sealedBody: try key.seal(visit.request.body, context: entry.context, random: desk.drawn))
        return (event, delivery.content, entry.platform)
    }

    private static func answer(_ visit: Visit, _ kept: Result<Void, Fault>, _ platform: String) throws -> HTTPResponse {
        let desk = visit.desk
        guard case .failure(let fault) = kept else {
            desk.tallies.accepted(platform)
            return taken
        }
        desk.metrics.count(.webhooks, ("platform", platform), ("result", "failed"))
        forget(visit)
        // Removed since it was last looked up.
        if fault.code == "foreign_key_violation" { throw Refusal.notFound("There is no connection that takes deliveries at this path.") }
        throw fault
    }

    private static func forget(_ visit: Visit) { visit.desk.hooks.forget(visit.parameters["connection"] ?? "") }

    private static func topic(_ text: String) -> String { text.utf8.count <= 200 ? text : String(text.prefix(200)) }

    /// An id that the table can't hold is kept as its digest: it still tells the delivery from others.
    private static func deliveryID(_ text: String) -> String {
        (1 ... 200).contains(text.utf8.count) || (1 ... 200).contains(text.unicodeScalars.count) ? text : "sha256:" + Digest.sha256(Array(text.utf8)).hexText
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
