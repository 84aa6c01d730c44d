import Books
import ConnectorKit
import FoundationEssentials
import Kernel
import Testing
import Wire

@testable import WooCommerce

let connector = WooCommerceConnector()

func fixture(_ name: String) throws -> JSON {
    var folder = URL(filePath: #filePath).resolvingSymlinksInPath()
    folder.deleteLastPathComponent()
    return try JSON(parsing: Array(try Data(contentsOf: folder.appending(path: "Fixtures/\(name).json"))))
}

func facts(_ settings: [String: String] = [:]) -> ConnectionFacts { ConnectionFacts(account: "shop.example", settings: settings) }

func normalized(_ topic: String, _ json: JSON, _ settings: [String: String] = [:]) throws(Fault) -> Normalized {
    try connector.normalize(RawRecord(topic: topic, deliveryID: "d", body: json.bytes), facts(settings))
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
    var refunds: [Refund] { documents.compactMap { if case .refund(let body) = $0.body { body } else { nil } } }
    var payouts: [Payout] { documents.compactMap { if case .payout(let body) = $0.body { body } else { nil } } }
    var cancellation: Cancellation? { documents.compactMap { if case .cancellation(let body) = $0.body { body } else { nil } }.first }
    var fulfilment: Fulfilment? { documents.compactMap { if case .fulfilment(let body) = $0.body { body } else { nil } }.first }
    var ids: [String] { documents.map(\.id) }
}

/// Plans documents case by case, each by itself.
func plans(_ documents: [SourceDocument], base: Currency = .usd) -> [PlannedPosting] {
    let organisation = Organisation(baseCurrency: base, country: base == .gbp ? "GB" : "US", zone: .utc, taxMode: .exclusive)
    return Dictionary(grouping: documents, by: \.caseID).sorted { $0.key < $1.key }.flatMap { id, own in
        Planner.plan(OrderCase(id: id, own), organisation: organisation, policies: Policies(), ledger: LedgerState(), codes: CodeBook())
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
    var verdict: Verdict?
    var targets: [String] = []
}

/// Plays an exchange with an answer for each target.
func play<Output>(_ exchange: Exchange<Output>, _ answer: (String) -> HTTPResponse) -> Played<Output> {
    var step = exchange
    var played = Played<Output>()
    while played.targets.count < 300 {
        switch step {
        case .finish(let output):
            played.output = output
            return played
        case .fail(let fault):
            played.fault = fault
            return played
        case .send(let call, let then):
            let target = Form.unpercent(call.request.target)
            played.targets.append(target)
            let response = answer(target)
            let verdict = connector.judge(response, to: call)
            guard verdict == .accepted else {
                played.verdict = verdict
                return played
            }
            step = then(response)
        }
    }
    return played
}

/// A page of a list with the header that says how many there are.
func page(_ rows: [JSON], of pages: Int = 1) -> HTTPResponse {
    var out = HTTPResponse.json(200, .array(rows))
    out.fields["X-WP-TotalPages"] = "\(pages)"
    return out
}
