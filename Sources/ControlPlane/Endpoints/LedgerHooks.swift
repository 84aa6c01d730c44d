internal import ConnectorKit
internal import Crypto
internal import Kernel
internal import Store
internal import Telemetry
internal import Wire

extension Endpoints {
    /// Ledgers tell of changes to the operator's app, for all companies that are connected to it: one address a platform.
    static let ledgerHooks: [Endpoint] = [
        Endpoint(.post, "/v1/webhooks/{platform}", .open, About(
            "Deliver a ledger's notices of changes", "For all companies that are connected to the operator's app, signed with the app's key. What a notice names is read again; nothing in it is believed.",
            body: .content(type: "*/*", "As the ledger sends it.", example: "{}"), .empty(200, "Every notice is kept, or about accounts that nobody has connected."),
            .empty(401, "The signature is missing or wrong."), .refused(404, "`not_found`: no such ledger, or no key for it."),
            .refused(503, "Not kept: deliver it again.")
        )) { visit in try await notices(visit) }
    ]

    /// The operator's part that a platform's webhooks are signed with.
    private static let keyPart = "webhook_key"

    /// 200 without a body means that each notice is committed for every connection of its account; 401 without one that the signature is wrong, which
    /// is how a platform tries the address.
    /// - Source: Xero developer docs, Webhooks: intent to receive, answered with 200 or 401 and no body.
    private static func notices(_ visit: Visit) async throws -> HTTPResponse {
        let desk = visit.desk, platform = visit.parameters["platform"] ?? ""
        func count(_ result: String, by times: Int = 1) {
            if times > 0 { desk.metrics.count(.webhooks, ("platform", platform), ("result", result), by: Double(times)) }
        }
        guard let connector = desk.connectors[platform] as? any LedgerConnector, let secret = desk.configuration.operatorParts[platform]?[keyPart] else {
            desk.metrics.count(.webhooks, ("platform", "none"), ("result", "unknown"))
            throw Refusal.notFound("There is no webhook of a ledger at this path.")
        }
        let read: [LedgerNotice]?
        do throws(Fault) { read = try connector.notices(visit.request.fields, body: visit.request.body, secret: secret) } catch {
            // Genuine, so it is not to come again: what it was about shows when the ledger is asked next.
            count("unreadable")
            desk.log.fault(.failed, error, ("platform", platform), ("request", visit.id))
            return HTTPResponse(200)
        }
        guard let read else {
            count("refused")
            desk.log.warning(.webhookRefused, ("platform", platform), ("request", visit.id))
            return HTTPResponse(401)
        }
        let told = read.prefix(ControlPlaneLimits.noticesMost).filter(isKeepable)
        guard !told.isEmpty else { return HTTPResponse(200) }
        let accounts = Set(told.map { $0.account.lowercased() }).sorted()
        let known = try await desk.store.connections(platform, accounts: accounts)
        let kept = told.flatMap { notice in
            (known[notice.account.lowercased()] ?? []).map { place in
                NewNotice(
                    tenant: place.tenant, connection: place.id,
                    notice: NoticeRow(object: notice.object, remoteID: notice.remoteID, change: notice.change.rawValue, at: notice.at), id: notice.id.map(id))
            }
        }
        try await desk.store.keep(kept)
        count("accepted")
        count("unknown", by: accounts.count { known[$0] == nil })
        return HTTPResponse(200)
    }

    private static func isKeepable(_ notice: LedgerNotice) -> Bool {
        [notice.account, notice.object, notice.remoteID].allSatisfy { text in (1 ... 200).contains(text.utf8.count) && text.utf8.allSatisfy { $0 >= 32 } }
    }

    /// An id that the table can't hold is kept as its digest.
    private static func id(_ text: String) -> String {
        (1 ... 180).contains(text.utf8.count) && text.utf8.allSatisfy { $0 >= 32 } ? text : "sha256:" + Digest.sha256(Array(text.utf8)).hexText
    }
}
