import Books
import ConnectorKit
import FoundationEssentials
import Kernel
import Testing
import Wire

@testable import Shopify

let connector = ShopifyConnector()
let facts = ConnectionFacts(account: "prairie-goods")

/// A fixture beside these tests.
func fixture(_ name: String, file: String = #filePath) throws -> JSON {
    let folder = URL(filePath: file).deletingLastPathComponent().appending(path: "Fixtures")
    return try JSON(parsing: Array(Data(contentsOf: folder.appending(path: "\(name).json"))))
}

func normalized(_ topic: String, _ body: JSON, _ settings: [String: String] = [:]) throws -> Normalized {
    try connector.normalize(
        RawRecord(topic: topic, deliveryID: "d", body: body.bytes), ConnectionFacts(account: "a", settings: settings))
}

func fault(_ topic: String, _ body: JSON, _ settings: [String: String] = [:]) -> Fault? {
    do throws(Fault) {
        _ = try connector.normalize(
            RawRecord(topic: topic, deliveryID: "d", body: body.bytes),
            ConnectionFacts(account: "a", settings: settings))
        return nil
    } catch { return error }
}

extension Normalized {
    var sale: SourceDocument? { documents.first { if case .sale = $0.body { true } else { false } } }
    var saleBody: Sale? { if case .sale(let sale)? = sale?.body { sale } else { nil } }
    var payments: [SourceDocument] { documents.filter { if case .payment = $0.body { true } else { false } } }
    var refunds: [SourceDocument] { documents.filter { if case .refund = $0.body { true } else { false } } }
    var refundBody: Refund? { if case .refund(let refund)? = refunds.first?.body { refund } else { nil } }
    var edits: [SourceDocument] { documents.filter { if case .edit = $0.body { true } else { false } } }
    var cancellation: SourceDocument? { documents.first { if case .cancellation = $0.body { true } else { false } } }
}

func usd(_ text: String) -> Money { Money(text, .usd) ?? .zero(.usd) }
func eur(_ text: String) -> Money { Money(text, .eur) ?? .zero(.eur) }

extension JSON {
    /// This value with the one at `path` changed; keys and indexes.
    func changing(_ path: [String], _ change: (JSON) -> JSON?) -> JSON {
        guard let first = path.first else { return change(self) ?? .null }
        let rest = Array(path.dropFirst())
        switch self {
        case .object(let members):
            guard rest.isEmpty else { return setting(first, (self[first] ?? .null).changing(rest, change)) }
            guard let changed = change(self[first] ?? .null) else { return .object(members.filter { $0.key != first }) }
            return setting(first, changed)
        case .array(var elements):
            guard let at = Int(first), elements.indices.contains(at) else { return self }
            elements[at] = elements[at].changing(rest, change)
            return .array(elements)
        default: return self
        }
    }

    func with(_ path: String, _ value: JSON) -> JSON {
        changing(path.split(separator: ".").map(String.init)) { _ in value }
    }
    func without(_ path: String) -> JSON { changing(path.split(separator: ".").map(String.init)) { _ in nil } }
}

/// Answers an exchange's calls, judging each answer first as Courier does.
func run<Output: Sendable>(
    _ exchange: Exchange<Output>, limit: Int = 1000, _ answer: (String, JSON) throws -> JSON
) throws -> Result<Output, Fault> {
    var exchange = exchange
    for _ in 0 ..< limit {
        switch exchange {
        case .finish(let output): return .success(output)
        case .fail(let fault): return .failure(fault)
        case .send(let call, let then):
            let body = try JSON(parsing: call.request.body)
            let query = try #require(body["query"]?.string)
            let response = HTTPResponse.json(200, try answer(query, body["variables"] ?? .null))
            #expect(connector.judge(response, to: call) == .accepted)
            #expect(call.request.target == "/admin/api/2026-10/graphql.json")
            #expect(call.kind == .read)
            exchange = then(response)
        }
    }
    Issue.record("the exchange did not end")
    return .failure(Fault("endless", stage: .sandbox, disposition: .bug, summary: "the exchange did not end"))
}
