internal import Kernel
internal import Wire

/// From a function's name to what it does.
extension IntacctCompany {
    private static let readers: Set<String> = [
        "getAPISession", "read", "readByName", "readByQuery", "readMore", "query", "inspect", "lookup", "getDimensions", "get_list", "get_closedbooksdate",
    ]

    /// Runs one function; its answer's elements behind `controlid`. Whoever calls takes back what a refused one has done.
    mutating func execute(_ call: IntacctCall, _ random: any RandomSource) throws(IntacctProblem) -> [XMLElement] {
        let key = call.sender + "\n" + call.controlID
        if call.isUnique, !records("_CONTROL", where: "KEY", is: key).isEmpty { throw .repeated(call.controlID) }
        let answer: [XMLElement]
        if Self.readers.contains(call.name) {
            answer = try reading(call, random)
        } else {
            guard user != SageIntacctTwin.readerID else { throw .permission(call.name.uppercased()) }
            answer = try writing(call)
        }
        // - Source: developer.intacct.com, "XML requests": only what was executed and completed counts.
        if call.isUnique { insert("_CONTROL", ["KEY": key]) }
        return answer
    }

    private mutating func reading(_ call: IntacctCall, _ random: any RandomSource) throws(IntacctProblem) -> [XMLElement] {
        switch call.name {
        case "getAPISession": return try getAPISession(call, random)
        case "read": return try read(call, byName: false)
        case "readByName": return try read(call, byName: true)
        case "readByQuery": return try readByQuery(call, random)
        case "readMore": return try readMore(call)
        case "query": return try query(call)
        case "inspect": return try inspect(call)
        case "lookup": return try lookup(call)
        case "get_list": return try list(call)
        case "get_closedbooksdate": return [.node("data", [.node("closedbooksdate", Self.parts(closed))])]
        default: return getDimensions()
        }
    }

    static func parts(_ day: LocalDate?) -> [XMLElement] {
        guard let (year, month, date) = day?.civil else { return [] }
        return [.leaf("year", "\(year)"), .leaf("month", month < 10 ? "0\(month)" : "\(month)"), .leaf("day", date < 10 ? "0\(date)" : "\(date)")]
    }

    private mutating func writing(_ call: IntacctCall) throws(IntacctProblem) -> [XMLElement] {
        switch call.name {
        case "create": return try create(call)
        case "update": return try update(call)
        case "delete": return try delete(call)
        default: break
        }
        let kept = call.name.split(separator: "_").dropFirst().joined(separator: "_")
        let verb = call.name.split(separator: "_").first ?? ""
        do throws(IntacctProblem) {
            return [.leaf("key", try legacy(call))]
        } catch {
            throw error.keeping("Could not \(verb) \(kept) record!")
        }
    }

    /// The key of what a function of old has written.
    private mutating func legacy(_ call: IntacctCall) throws(IntacctProblem) -> String {
        let (body, key) = (call.body, call.body.attribute("key") ?? "")
        switch call.name {
        case "create_invoice": return "\(try create("ARINVOICE", body))"
        case "create_bill": return "\(try create("APBILL", body))"
        case "create_aradjustment": return "\(try create("ARADJUSTMENT", body))"
        case "create_apadjustment": return "\(try create("APADJUSTMENT", body))"
        case "update_invoice": return "\(try change("ARINVOICE", key: try outer("ARINVOICE", body)) { $0.take(legacy: body) })"
        case "update_bill": return "\(try change("APBILL", key: try outer("APBILL", body)) { $0.take(legacy: body) })"
        case "reverse_invoice": return "\(try reverse("ARINVOICE", key: key, body))"
        case "reverse_bill": return "\(try reverse("APBILL", key: key, body))"
        case "delete_invoice": return "\(try remove("ARINVOICE", key: key))"
        case "delete_bill": return "\(try remove("APBILL", key: key))"
        case "delete_aradjustment": return "\(try remove("ARADJUSTMENT", key: key))"
        case "delete_apadjustment": return "\(try remove("APADJUSTMENT", key: key))"
        case "create_arpayment": return "\(try pay(IntacctPaymentDraft(legacy: body)))"
        case "apply_arpayment": return "\(try applyPayment(body))"
        case "reverse_arpayment": return "\(try reversePayment(.sales, key: key, body))"
        case "reverse_appayment": return "\(try reversePayment(.purchases, key: key, body))"
        case "record_otherreceipt": return "\(try recordReceipt(body))"
        case "delete_otherreceipt": return "\(try deleteReceipt(key: key))"
        case "record_deposit": return "\(try recordDeposit(body))"
        case "create_gltransaction": return "\(try saveBatch(legacy: body))"
        case "create_supdocfolder": return try createFolder(body)
        case "delete_supdocfolder": return try deleteFolder(key)
        case "create_supdoc": return try createSupdoc(body)
        case "update_supdoc": return try updateSupdoc(body)
        case "delete_supdoc": return try deleteSupdoc(key)
        default: throw .permission(call.name.uppercased())
        }
    }

    private mutating func create(_ object: String, _ body: XMLElement) throws(IntacctProblem) -> Int {
        var draft = IntacctDraft(object: object)
        draft.take(legacy: body)
        return try save(draft, onto: nil)
    }

    /// The record number of a key, which may be the caller's own external id.
    private func outer(_ object: String, _ body: XMLElement) throws(IntacctProblem) -> String {
        let key = body.attribute("key") ?? ""
        guard body.attribute("externalkey")?.lowercased() == "true" else { return key }
        guard let found = all(object).first(where: { $0["_EXTERNAL"] == key }) else { throw .invalid("external key", key) }
        return "\(found.no)"
    }
}
