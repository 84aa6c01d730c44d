import Books
import ConnectorKit
import ConnectorTestKit
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
    try it.normalized(event["type"]?.string ?? "", event.bytes, facts(settings)).documents
}

func refusal(_ event: JSON, _ it: InboundConnector = erp, _ settings: [String: String] = [:]) -> Fault? {
    fault { () throws(Fault) in try documents(event, it, settings) }
}

func findings(_ event: JSON, _ it: InboundConnector = erp, _ settings: [String: String] = [:]) -> [String] {
    it.check(event, facts(settings)).findings.map(\.pointer)
}

/// Plans documents as if all belonged to one case.
func plans(_ documents: [SourceDocument], base: String = "CAD", policies: Policies = Policies()) throws -> [PlannedPosting] {
    ConnectorTestKit.plans(documents, base: try #require(Currency(base)), country: "CA", policies)
}
