public import TwinKit
public import Wire

/// What the fault plan must know of the gateway's requests and answers.
extension SageIntacctTwin {
    private static let documents: Set<String> = [
        "ARINVOICE", "ARADJUSTMENT", "ARPYMT", "ARADVANCE", "OTHERRECEIPTS", "DEPOSIT", "APBILL", "APADJUSTMENT", "APPYMT", "GLBATCH", "SODOCUMENT",
    ]
    private static let parts: Set<String> = [
        "ARINVOICEITEM", "ARADJUSTMENTITEM", "ARPYMTDETAIL", "ARADVANCEITEM", "OTHERRECEIPTSENTRY", "APBILLITEM", "APADJUSTMENTITEM", "APPYMTDETAIL", "GLENTRY",
    ]
    private static let references: Set<String> = ["create_supdoc", "update_supdoc", "delete_supdoc", "create_supdocfolder", "delete_supdocfolder"]
    private static let others: Set<String> = ["inspect", "lookup", "getDimensions", "get_list", "get_closedbooksdate", "readMore"]

    /// Of several functions, that which writes tells.
    public func purpose(of request: HTTPRequest) -> Purpose {
        guard request.method == .post, let root = try? XMLElement(parsing: request.body) else { return .other }
        let calls = root.all("operation").flatMap { $0.all("content") }.flatMap { $0.all("function") }.compactMap(\.children.first)
        let purposes = calls.map { Self.purpose($0) }
        return [Purpose.write, .reference, .lookup, .readback, .token].first { purposes.contains($0) } ?? .other
    }

    private static func purpose(_ call: XMLElement) -> Purpose {
        let name = call.name.local
        switch name {
        case "getAPISession": return .token
        case "create", "update": return documents.contains(call.children.first?.name.local ?? "") ? .write : .reference
        case "delete": return documents.contains(call.value("object")?.uppercased() ?? "") ? .write : .reference
        case "read", "readByName": return documents.contains(call.value("object")?.uppercased() ?? "") ? .readback : .other
        case "query", "readByQuery":
            let object = call.value("object")?.uppercased() ?? ""
            guard documents.contains(object) else { return parts.contains(object) ? .readback : .other }
            return asksByKey(call) ? .readback : .lookup
        default: return others.contains(name) ? .other : references.contains(name) ? .reference : .write
        }
    }

    /// A search by the ledger's own numbers reads what is known.
    private static func asksByKey(_ call: XMLElement) -> Bool {
        if let query = call.value("query") { return IntacctConditionReader.read(query)?.demanded("RECORDNO") != nil }
        return call["filter"]?.children.first.flatMap { IntacctPredicate($0) }?.demanded("RECORDNO") != nil
    }

    /// The gateway says errors under status 200; here that the service is closed for a while.
    /// - Source: fylein/sageintacct-sdk-py, `apis/api_base.py`, which looks for these words.
    public func errorInSuccess() -> HTTPResponse {
        let problem = IntacctProblem("XL03000002", "The Service is Temporarily Off-line")
        return IntacctXML.answer(200, .node("response", [.node("control", [.leaf("status", "failure")]), problem.element(support: "sandbox%7E0")]))
    }

    /// The same request with a session that nobody has.
    public func withRevokedToken(_ request: HTTPRequest) -> HTTPRequest {
        guard let root = try? XMLElement(parsing: request.body) else { return request }
        guard let session = root.at(["operation", "authentication"])?.value("sessionid") else { return request }
        var revoked = request
        let body = String(decoding: request.body, as: UTF8.self)
        revoked.body = Array(body.split(separator: session, omittingEmptySubsequences: false).joined(separator: "revoked-by-the-fault-plan").utf8)
        return revoked
    }

    /// Rows of a search leave, and its counts with them.
    public func withoutFound(_ keys: Set<String>, in response: HTTPResponse) -> HTTPResponse? {
        guard response.status == 200, !keys.isEmpty, var root = try? XMLElement(parsing: response.body) else { return response }
        var gone = 0
        for operation in root.children.indices {
            for result in root.children[operation].children.indices {
                guard let place = root.children[operation].children[result].children.firstIndex(where: { $0.name.local == "data" }) else { continue }
                var data = root.children[operation].children[result].children[place]
                let before = data.children.count
                data.children.removeAll { !KeyText.keys(in: $0.bytes).isDisjoint(with: keys) }
                let fewer = before - data.children.count
                gone += fewer
                for n in data.attributes.indices where ["count", "totalcount"].contains(data.attributes[n].name.local) {
                    data.attributes[n].value = "\((Int(data.attributes[n].value) ?? fewer) - fewer)"
                }
                root.children[operation].children[result].children[place] = data
            }
        }
        guard gone > 0 else { return response }
        var out = response
        out.body = IntacctXML.document(root, isSpaced: false)
        return out
    }

    /// The same request with `uniqueid` false: as though the gateway had forgotten which functions it has run.
    public func withoutNativeKey(_ request: HTTPRequest) -> HTTPRequest {
        guard var root = try? XMLElement(parsing: request.body) else { return request }
        guard let place = root.children.firstIndex(where: { $0.name.local == "control" }) else { return request }
        var control = root.children[place]
        control.children.removeAll { $0.name.local == "uniqueid" }
        let behind = control.children.firstIndex { $0.name.local == "controlid" }.map { $0 + 1 } ?? control.children.count
        control.children.insert(.leaf("uniqueid", "false"), at: behind)
        root.children[place] = control
        var out = request
        out.body = IntacctXML.document(root, isSpaced: false)
        return out
    }
}
