import Books
import ConnectorKit
import Kernel
@testable import Pipeline
@testable import Store
import Wire

/// The connector of `RemoteLedger`: a key and an amount a document.
struct SimConnector: LedgerConnector {
    let spec: PlatformSpec
    private let tells: Bool

    init(_ nature: RemoteLedger.Nature) {
        let auth: Authentication = nature.oauth
            ? .oauth2(Authentication.OAuth2(
                authorizeURL: "", tokenURL: "http://sim/token", tokenPath: "/token", clientProof: .body, scopes: [], refreshGrace: .seconds(60)))
            : .header("Authorization")
        tells = nature.tells
        spec = PlatformSpec(
            id: "sim", name: "Sim", roles: [.ledger], productionBase: "http://sim", sandboxBase: nil, auth: auth, headers: [:],
            limits: [
                RateLimit(name: "minute", scope: .connection, amount: nature.perMinute, window: .seconds(60)),
                RateLimit(name: "second", scope: .connection, amount: nature.perSecond, window: .seconds(1)),
            ], concurrency: 1, batchSizes: ["*": nature.batch], pageSize: 100, fieldLengths: [:],
            idempotency: Idempotency(
                nativeKeyLifetime: nature.nativeKeys ? .seconds(3600) : nil, searchable: nature.searchable, findSettles: .milliseconds(nature.settles)),
            tax: .none, dimensions: [], revisesPaidInvoices: true, apiVersion: "1", sunset: nil, sources: [:])
    }

    private static func refusal(_ code: String) -> Fault { Fault(code, stage: .post, disposition: .reject, summary: "the ledger says no") }

    func judge(_ response: HTTPResponse, to call: Call) -> Verdict {
        switch response.status {
        case 200: .accepted
        case 400: .rejected(Self.refusal(response.body.count == 5 ? "batch_refused" : "refused"))
        case 401: .reauthorize(Self.refusal("token"))
        case 429: .throttled(after: response.fields["Retry-After"].flatMap { Int($0) }.map { .milliseconds($0) }, bucket: nil)
        case 503: .unavailable(Fault("down", stage: .post, disposition: .retry, summary: "the ledger is down"))
        case 500...: .outcomeUnknown(Fault("broken", stage: .post, disposition: .retry, summary: "the ledger broke"))
        default: .rejected(Self.refusal("refused"))
        }
    }

    func readings(_ response: HTTPResponse) -> [BudgetReading] {
        guard tells, let left = response.fields["Left"].flatMap({ Int($0) }) else { return [] }
        return [BudgetReading(name: "minute", remaining: left)]
    }

    func identify(_ connection: ConnectionFacts) -> Exchange<AccountIdentity> { .finish(AccountIdentity(account: connection.account, name: "Sim")) }
    func chart(_: ConnectionFacts) -> Exchange<Chart> {
        .finish(Chart(accounts: [], taxCodes: [], lockDate: nil, baseCurrency: "USD", currencies: ["USD"]))
    }

    func itemKey(of _: LedgerDocument.Line) -> String? { nil }
    func references(for _: LedgerDocument) -> [ReferenceWant] { [] }
    func findReferences(_: [ReferenceWant], _: ConnectionFacts) -> Exchange<[String: String]> { .finish([:]) }
    func createReferences(_: [ReferenceWant], _: ConnectionFacts) -> Exchange<[String: String]> { .finish([:]) }
    func batchGroup(of document: LedgerDocument) -> String { document.plan.form.rawValue }

    func create(_ documents: [LedgerDocument], attempt: String, _: ConnectionFacts) -> Exchange<[PostOutcome]> { write("/create", documents, attempt) }
    func update(_ document: LedgerDocument, attempt: String, _: ConnectionFacts) -> Exchange<PostOutcome> { change("/update", document, attempt) }
    func void(_ document: LedgerDocument, attempt: String, _: ConnectionFacts) -> Exchange<PostOutcome> { change("/void", document, attempt) }

    private static let cost = ["minute": 1, "second": 1]

    private func call(_ kind: Call.Kind, _ path: String, _ lines: [(LedgerDocument, version: String)], _ attempt: String = "") -> Call {
        var body = ""
        for (document, version) in lines { body += (body.isEmpty ? "" : ";") + "\(document.key.text) \(document.plan.total.minor) \(version)" }
        return Call(
            kind, HTTPRequest(kind == .write ? .post : .get, path, fields: attempt.isEmpty ? [:] : ["Attempt": attempt], body: Array(body.utf8)),
            cost: Self.cost)
    }

    private func write(_ path: String, _ lines: [(LedgerDocument, version: String)], _ attempt: String) -> Exchange<[PostOutcome]> {
        .send(call(.write, path, lines, attempt)) { response in
            .finish(response.bodyText.split(separator: ";").map { word in
                switch word.first {
                case "P":
                    let parts = word.split(separator: " ")
                    return .posted(remoteID: String(parts[1]), version: String(parts[2]))
                case "D": return .duplicate(Self.refusal("duplicate"))
                case "S": return .stale(Fault("stale", stage: .post, disposition: .retry, summary: "the document was changed"))
                default: return .rejected(Self.refusal("refused"))
                }
            })
        }
    }

    private func write(_ path: String, _ documents: [LedgerDocument], _ attempt: String) -> Exchange<[PostOutcome]> {
        write(path, documents.map { ($0, "0") }, attempt)
    }

    /// Reads the version, then writes on it.
    private func change(_ path: String, _ document: LedgerDocument, _ attempt: String) -> Exchange<PostOutcome> {
        .send(call(.read, "/read", [(document, "0")])) { response in
            guard let seen = Self.read(response, [document])[document.key] else { return .finish(.rejected(Self.refusal("gone"))) }
            return write(path, [(document, seen.version ?? "0")], attempt).map { $0.first ?? .unknown(Self.refusal("answer_incomplete")) }
        }
    }

    func find(_ documents: [LedgerDocument], _: ConnectionFacts) -> Exchange<[PostKey: LedgerReadback]> { look("/find", documents) }
    func fetch(_ documents: [LedgerDocument], _: ConnectionFacts) -> Exchange<[PostKey: LedgerReadback]> { look("/read", documents) }

    private func look(_ path: String, _ documents: [LedgerDocument]) -> Exchange<[PostKey: LedgerReadback]> {
        .send(call(.read, path, documents.map { ($0, "0") })) { .finish(Self.read($0, documents)) }
    }

    private static func read(_ response: HTTPResponse, _ documents: [LedgerDocument]) -> [PostKey: LedgerReadback] {
        var out: [PostKey: LedgerReadback] = [:]
        for text in response.bodyText.split(separator: ";") {
            let parts = text.split(separator: " ")
            guard parts.count == 5, let key = documents.first(where: { $0.key.text == parts[0] })?.key else { continue }
            out[key] = LedgerReadback(
                key: key, remoteID: String(parts[1]), version: String(parts[3]), date: nil, currency: nil, total_minor: Int64(parts[2]) ?? 0, tax_minor: nil,
                party: nil, accounts: [:], voided: parts[4] == "1")
        }
        return out
    }

    func meant(_ document: LedgerDocument) -> LedgerReadback {
        LedgerReadback(
            key: document.key, remoteID: document.remoteID ?? "", version: nil, date: nil, currency: nil, total_minor: document.plan.total.minor,
            tax_minor: nil, party: nil, accounts: [:], voided: document.plan.effect == .void, appliesTo: document.appliesTo)
    }

    /// What binding is in the real pipeline; a document here is its key, effect and total.
    static func bind(_ rows: [PostingRow]) -> Bound {
        var out = Bound()
        for row in rows {
            let plan = PlannedPosting(
                subject: row.subject, form: PostingForm(rawValue: row.form) ?? .invoice, effect: row.effect == "void" ? .void : .post,
                caseID: row.caseID, covers: [], date: row.date, currency: .usd, total: Money(minor: row.totalMinor, .usd), lines: [], party: "shop")
            out.documents.append(LedgerDocument(
                key: row.key, revision: row.revision, plan: plan, lines: [], reference: row.reference, remoteID: row.remoteID,
                remoteVersion: row.remoteVersion))
        }
        return out
    }
}
