import Books
import ConnectorKit
import FoundationEssentials
import Kernel
import Testing
import Wire

@testable import Square

let connector = SquareConnector()
let account = "MLEWJTMNJN37Z"

func fixture(_ name: String) throws -> JSON {
    var folder = URL(filePath: #filePath).resolvingSymlinksInPath()
    folder.deleteLastPathComponent()
    return try JSON(parsing: Array(try Data(contentsOf: folder.appending(path: "Fixtures/\(name).json"))))
}

func normalized(_ topic: String, _ json: JSON, _ settings: [String: String] = [:]) throws(Fault) -> Normalized {
    let facts = ConnectionFacts(account: account, settings: settings)
    return try connector.normalize(RawRecord(topic: topic, deliveryID: "d", body: json.bytes), facts)
}

/// The fault of a record that is refused.
func refusal(_ topic: String, _ json: JSON, _ settings: [String: String] = [:]) -> Fault? {
    do throws(Fault) {
        _ = try normalized(topic, json, settings)
        return nil
    } catch { return error }
}

func usd(_ minor: Int64) -> Money { Money(minor: minor, .usd) }
func gbp(_ minor: Int64) -> Money { Money(minor: minor, .gbp) }

extension JSON {
    /// The value at that place changed; elements of lists are named by their number.
    func changing(_ path: String..., to value: JSON) -> JSON { changing(path[...], value) }

    private func changing(_ path: ArraySlice<String>, _ value: JSON) -> JSON {
        guard let first = path.first else { return value }
        if var elements = array, let at = Int(first), elements.indices.contains(at) {
            elements[at] = elements[at].changing(path.dropFirst(), value)
            return .array(elements)
        }
        return setting(first, (self[first] ?? [:]).changing(path.dropFirst(), value))
    }
}

extension Normalized {
    var sale: Sale? { documents.compactMap { if case .sale(let body) = $0.body { body } else { nil } }.first }
    var payments: [Payment] { documents.compactMap { if case .payment(let body) = $0.body { body } else { nil } } }
    var disputes: [Dispute] { documents.compactMap { if case .dispute(let body) = $0.body { body } else { nil } } }
    var refunds: [Refund] { documents.compactMap { if case .refund(let body) = $0.body { body } else { nil } } }
    var payouts: [Payout] { documents.compactMap { if case .payout(let body) = $0.body { body } else { nil } } }
    var isVoided: Bool { documents.contains { if case .cancellation = $0.body { true } else { false } } }
    var ids: [String] { documents.map(\.id) }
}

/// Plans documents as if all belonged to one case.
func plans(_ documents: [SourceDocument], base: Currency = .usd, _ policies: Policies = Policies()) -> [PlannedPosting] {
    let country = base == .gbp ? "GB" : base == .usd ? "US" : "CA"
    let organisation = Organisation(baseCurrency: base, country: country, zone: .utc, taxMode: base == .gbp ? .inclusive : .exclusive)
    return Dictionary(grouping: documents, by: \.caseID).sorted { $0.key < $1.key }.flatMap { id, own in
        Planner.plan(OrderCase(id: id, own), organisation: organisation, policies: policies, ledger: LedgerState(), codes: CodeBook())
    }
}

/// Balances by role, in minor units, of what would be posted.
func balances(_ plans: [PlannedPosting]) -> [String: Int64] {
    var out: [String: Int64] = [:]
    for plan in plans where plan.effect == .post { for line in plan.lines { out["\(line.role)", default: 0] += line.amount.minor } }
    return out.filter { $0.value != 0 }
}

// MARK: Conversations

struct Played<Output> {
    var output: Output?
    var fault: Fault?
    var calls: [Call] = []
    /// Paths with their queries, as people read them.
    var targets: [String] { calls.map { Form.unpercent($0.request.target) } }
    var paths: [String] { targets.map { String($0.prefix { $0 != "?" }) } }
}

/// Plays an exchange with an answer for each target.
func play<Output>(_ exchange: Exchange<Output>, _ answer: (String) -> HTTPResponse) -> Played<Output> {
    var step = exchange
    var played = Played<Output>()
    while played.calls.count < 700 {
        switch step {
        case .finish(let output):
            played.output = output
            return played
        case .fail(let fault):
            played.fault = fault
            return played
        case .send(let call, let then):
            played.calls.append(call)
            let response = answer(Form.unpercent(call.request.target))
            guard connector.judge(response, to: call) == .accepted else { return played }
            step = then(response)
        }
    }
    return played
}

func ok(_ members: (String, JSON)...) -> HTTPResponse { .json(200, .object(members.map { (key: $0.0, value: $0.1) })) }

let missing = HTTPResponse.json(404, ["errors": [["category": "INVALID_REQUEST_ERROR", "code": "NOT_FOUND", "detail": "Not found."]]])

/// Two places of business in one state, as the list of locations shows them.
let locations: JSON = [
    ["id": "LRJNZCB190DTQ", "merchant_id": "MLEWJTMNJN37Z", "status": "ACTIVE", "business_name": "Pier Goods LLC", "name": "Pier Store",
        "country": "US", "currency": "USD",
     "timezone": "America/Los_Angeles", "address": ["locality": "Oakland", "administrative_district_level_1": "CA", "country": "US"], "mcc": "5719"],
    ["id": "LZ2", "merchant_id": "MLEWJTMNJN37Z", "status": "INACTIVE", "name": "Old Store", "country": "US", "currency": "USD",
     "address": ["administrative_district_level_1": "NV", "country": "US"]],
]
