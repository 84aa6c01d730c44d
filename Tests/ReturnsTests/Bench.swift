import Books
import ConnectorKit
import FoundationEssentials
import Kernel
import Testing
import Wire

@testable import Returns

let loop = ReturnsConnector(.loop)
let afterShip = ReturnsConnector(.afterShip)

func fixture(_ name: String) throws -> JSON {
    let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/\(name).json")
    return try JSON(parsing: Array(try Data(contentsOf: path)))
}

func facts(_ settings: [String: String] = [:]) -> ConnectionFacts { ConnectionFacts(account: "widgets", settings: settings) }

func documents(_ record: JSON, _ it: ReturnsConnector, _ settings: [String: String] = [:]) throws(Fault) -> [SourceDocument] {
    try it.normalize(RawRecord(topic: "return", deliveryID: "d", body: record.bytes), facts(settings)).documents
}

func refusal(_ record: JSON, _ it: ReturnsConnector, _ settings: [String: String] = [:]) -> Fault? {
    do throws(Fault) {
        _ = try documents(record, it, settings)
        return nil
    } catch { return error }
}

func told(_ record: JSON, _ it: ReturnsConnector, _ settings: [String: String] = [:]) throws -> GoodsReturn {
    let first = try #require(try documents(record, it, settings).first)
    guard case .goodsReturn(let back) = first.body else { throw Fault("no_return", stage: .normalize, disposition: .bug, summary: "no return") }
    return back
}

func usd(_ minor: Int64) -> Money { Money(minor: minor, .usd) }

/// The requests of an exchange that is answered so, in order.
/// - Parameter date: the platform's own clock, as answers name it.
func asked<Output>(_ exchange: Exchange<Output>, _ answers: [JSON], date: String? = nil) -> (output: Output?, calls: [Call]) {
    var step = exchange
    var calls: [Call] = []
    while true {
        switch step {
        case .finish(let output): return (output, calls)
        case .fail: return (nil, calls)
        case .send(let call, let then):
            guard calls.count < answers.count else { return (nil, calls + [call]) }
            step = then(HTTPResponse(200, fields: date.map { ["Date": $0] } ?? [:], body: answers[calls.count].bytes))
            calls.append(call)
        }
    }
}
