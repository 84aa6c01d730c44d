import Books
import ConnectorKit
import FoundationEssentials
import Kernel
import Testing
import Wire

@testable import Inbound

let erp = InboundConnector(.erp)
let jobs = InboundConnector(.jobCRM)
let returns = InboundConnector(.rms)

let checkout: URL = {
    var folder = URL(filePath: #filePath).resolvingSymlinksInPath()
    for _ in 0 ..< 3 { folder.deleteLastPathComponent() }
    return folder
}()

func file(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: checkout.appending(path: path))) }
func example(_ name: String) throws -> JSON { try JSON(parsing: file("docs/schemas/examples/\(name).json")) }

func facts(_ settings: [String: String] = [:]) -> ConnectionFacts { ConnectionFacts(account: "till-west", settings: settings) }

func documents(_ event: JSON, _ it: InboundConnector = erp, _ settings: [String: String] = [:]) throws(Fault) -> [SourceDocument] {
    try it.normalize(RawRecord(topic: event["type"]?.string ?? "", deliveryID: "d", body: event.bytes), facts(settings)).documents
}

func refusal(_ event: JSON, _ it: InboundConnector = erp, _ settings: [String: String] = [:]) -> Fault? {
    do throws(Fault) {
        _ = try documents(event, it, settings)
        return nil
    } catch { return error }
}

func findings(_ event: JSON, _ it: InboundConnector = erp, _ settings: [String: String] = [:]) -> [String] {
    it.check(event, facts(settings)).findings.map(\.pointer)
}

extension JSON {
    /// The value at that place changed; elements of lists are named by their number.
    func changing(_ path: String..., to value: JSON?) -> JSON { changing(path[...], value) }

    private func changing(_ path: ArraySlice<String>, _ value: JSON?) -> JSON {
        guard let first = path.first else { return value ?? .null }
        if var elements = array, let at = Int(first), elements.indices.contains(at) {
            elements[at] = elements[at].changing(path.dropFirst(), value)
            return .array(elements)
        }
        if path.count == 1, value == .none { return .object((object ?? []).filter { $0.key != first }) }
        return setting(first, (self[first] ?? [:]).changing(path.dropFirst(), value))
    }
}

/// Plans documents as if all belonged to one case.
func plans(_ documents: [SourceDocument], base: String = "CAD", policies: Policies = Policies()) throws -> [PlannedPosting] {
    let organisation = Organisation(baseCurrency: try #require(Currency(base)), country: "CA", zone: .utc, taxMode: .exclusive)
    return Dictionary(grouping: documents, by: \.caseID).sorted { $0.key < $1.key }.flatMap { id, told in
        Planner.plan(OrderCase(id: id, told), organisation: organisation, policies: policies, ledger: LedgerState(), codes: CodeBook())
    }
}
