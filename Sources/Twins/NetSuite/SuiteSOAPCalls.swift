internal import Kernel
internal import Wire

/// The operations of the SOAP service.
extension SuiteState {
    /// Records of one list operation.
    /// - Source: the sheet, "Limits".
    private static let listMost = 200

    mutating func soap(_ request: HTTPRequest, _ version: String, _ random: any RandomSource) -> HTTPResponse {
        let soap = SuiteSOAP(version: version)
        guard request.method == .post else { return .text(405, "Method Not Allowed") }
        do throws(SuiteFault) {
            guard request.fields["SOAPAction"] != nil else {
                throw SuiteFault(name: "", code: "", message: "no SOAPAction header!", faultCode: "soapenv:Client.NoSOAPAction")
            }
            guard let root = try? XMLElement(parsing: request.body), root.name.local == "Envelope",
                root.name.namespace == "http://schemas.xmlsoap.org/soap/envelope/", let operation = root["Body"]?.children.first
            else { throw .bean("The request is no SOAP 1.1 envelope.") }
            guard operation.name.namespace == soap.messages else {
                throw .bean("No such operation '\(operation.name.local)' in the namespace \(operation.name.namespace ?? "")")
            }
            if operation.name.local == "getDataCenterUrls" { return dataCenter(operation, soap) }
            try admit(root["Header"])
            return try run(operation, root["Header"], soap, random)
        } catch {
            return soap.fault(error)
        }
    }

    private mutating func admit(_ header: XMLElement?) throws(SuiteFault) {
        guard let passport = header?["tokenPassport"] else { throw .login }
        // The two don't go together.
        guard header?["applicationInfo"] == nil, admits(passport: passport) else { throw .login }
    }

    private mutating func run(
        _ operation: XMLElement, _ header: XMLElement?, _ soap: SuiteSOAP, _ random: any RandomSource
    ) throws(SuiteFault) -> HTTPResponse {
        let name = operation.name.local
        switch name {
        case "add", "update", "upsert": return try write(operation, header, soap)
        case "addList", "updateList", "upsertList": return try writeList(operation, header, soap)
        case "delete", "deleteList": return try erase(operation, soap)
        case "get", "getList": return try read(operation, soap)
        case "getAll": return try readAll(operation, soap)
        case "search": return try search(operation, header, soap, random)
        case "searchMoreWithId": return searchMore(operation, soap)
        case "initialize": return try initialize(operation, soap)
        case "getDeleted": return deleted(operation, soap)
        case "getServerTime":
            let time = String(now.description.prefix(19)) + ".000Z"
            return soap.answer("getServerTimeResponse") { soap, writer in
                writer.start("platformCore:getServerTimeResult")
                soap.status(nil, &writer)
                writer.element("platformCore:serverTime", time)
                writer.end()
            }
        default: throw .bean("No such operation '\(name)'")
        }
    }

    private func dataCenter(_ operation: XMLElement, _ soap: SuiteSOAP) -> HTTPResponse {
        let isKnown = operation["account"]?.text == NetSuiteTwin.account
        return soap.answer("getDataCenterUrlsResponse") { soap, writer in
            writer.start("platformCore:getDataCenterUrlsResult")
            soap.status(isKnown ? nil : .user("Invalid account number.", soap: "INVALID_ACCT"), &writer)
            if isKnown {
                writer.start("platformCore:dataCenterUrls")
                writer.element("platformCore:restDomain", "https://\(NetSuiteTwin.account.hostName).restlets.api.netsuite.com")
                writer.element("platformCore:webservicesDomain", "https://\(SuiteSeed.host)")
                writer.element("platformCore:systemDomain", "https://\(NetSuiteTwin.account.hostName).app.netsuite.com")
                writer.end()
            }
            writer.end()
        }
    }

    // MARK: - Writing

    private typealias Written = (problem: SuiteProblem?, type: String, id: Int?, external: String?)

    private func respond(_ writes: [Written], _ name: String, isList: Bool, _ soap: SuiteSOAP) -> HTTPResponse {
        soap.answer("\(name)Response") { soap, writer in
            if isList {
                writer.start("writeResponseList")
                soap.status(nil, &writer)
            }
            for write in writes {
                writer.start("writeResponse")
                soap.status(write.problem, &writer)
                if !write.type.isEmpty { soap.base("baseRef", write.type, write.id, write.external, &writer) }
                writer.end()
            }
            if isList { writer.end() }
        }
    }

    private mutating func write(_ operation: XMLElement, _ header: XMLElement?, _ soap: SuiteSOAP) throws(SuiteFault) -> HTTPResponse {
        guard let element = operation["record"] else { throw .bean("The element record is missing.") }
        let ignores = header?["preferences"]?["ignoreReadOnlyFields"]?.text == "true"
        return respond([try write(element, operation.name.local, soap, ignoresReadOnly: ignores)], operation.name.local, isList: false, soap)
    }

    private mutating func writeList(_ operation: XMLElement, _ header: XMLElement?, _ soap: SuiteSOAP) throws(SuiteFault) -> HTTPResponse {
        let verb = String(operation.name.local.dropLast(4))
        let records = operation.all("record")
        guard records.count <= Self.listMost else {
            throw .tooMany
        }
        let ignores = header?["preferences"]?["ignoreReadOnlyFields"]?.text == "true"
        var writes: [Written] = []
        for element in records { writes.append(try write(element, verb, soap, ignoresReadOnly: ignores)) }
        return respond(writes, operation.name.local, isList: true, soap)
    }

    private mutating func write(_ element: XMLElement, _ verb: String, _ soap: SuiteSOAP, ignoresReadOnly: Bool) throws(SuiteFault) -> Written {
        guard let name = SuiteSOAP.typeName(element), let type = SuiteSchema.whole.bySOAP[name] else {
            throw .bean("Deserializing parameter 'record': could not find deserializer for type \(SuiteSOAP.typeName(element) ?? "record")")
        }
        let external = element.attribute("externalId").flatMap { $0.isEmpty ? nil : $0 }
        let mark = mark
        do throws(SuiteProblem) {
            let old = try target(element, type, verb, external)
            var reader = SuiteSOAPReader(state: self, soap: soap, type: type, ignoresReadOnly: ignoresReadOnly)
            var draft = try reader.draft(element)
            if let fault = reader.fault { throw SuiteProblem(status: 0, message: fault.message) }
            draft.externalID = external
            let record = try save(type, old, draft)
            return (nil, type.name, record.id, record.externalID)
        } catch {
            rollback(to: mark)
            if error.status == 0 { throw SuiteFault(name: "", code: "", message: error.message) }
            return (error, type.name, element.attribute("internalId").flatMap { Int($0) }, external)
        }
    }

    private func target(_ element: XMLElement, _ type: SuiteType, _ verb: String, _ external: String?) throws(SuiteProblem) -> SuiteRecord? {
        let id = element.attribute("internalId")
        switch verb {
        case "add": return nil
        case "upsert":
            guard id == nil else { throw .user("The internalId can't be set in an upsert.", soap: "INVALID_REQUEST") }
            guard let external else { throw .user("An upsert needs an externalId.", soap: "MISSING_REQD_FLD") }
            return find(type, externalID: external)
        default:
            if let id {
                guard let old = find(type, Int(id)) else { throw .noRecord }
                return old
            }
            guard let external, let old = find(type, externalID: external) else { throw .noRecord }
            return old
        }
    }

    private mutating func erase(_ operation: XMLElement, _ soap: SuiteSOAP) throws(SuiteFault) -> HTTPResponse {
        let refs = operation.all("baseRef")
        guard refs.count <= Self.listMost else {
            throw .tooMany
        }
        var writes: [Written] = []
        for ref in refs {
            let type = try type(of: ref)
            do throws(SuiteProblem) {
                guard let record = find(type, ref) else { throw .noRecord }
                try remove(type, record)
                writes.append((nil, type.name, record.id, record.externalID))
            } catch {
                writes.append((error, type.name, ref.attribute("internalId").flatMap { Int($0) }, ref.attribute("externalId")))
            }
        }
        return respond(writes, operation.name.local, isList: operation.name.local == "deleteList", soap)
    }

    // MARK: - Reading

    private func type(of ref: XMLElement) throws(SuiteFault) -> SuiteType {
        guard let name = ref.attribute("type"), let type = SuiteSchema.whole.find(name) else {
            throw .bean("Invalid record type \(ref.attribute("type") ?? "")")
        }
        return type
    }

    private func find(_ type: SuiteType, _ ref: XMLElement) -> SuiteRecord? {
        if let id = ref.attribute("internalId") { return find(type, Int(id)) }
        return ref.attribute("externalId").flatMap { find(type, externalID: $0) }
    }

    private func read(_ operation: XMLElement, _ soap: SuiteSOAP) throws(SuiteFault) -> HTTPResponse {
        var found: [(SuiteType, SuiteRecord?)] = []
        for ref in operation.all("baseRef").prefix(1000) {
            let type = try type(of: ref)
            found.append((type, find(type, ref)))
        }
        let isList = operation.name.local == "getList"
        let printer = SuiteSOAPPrinter(state: self, soap: soap, bodyOnly: false)
        return soap.answer("\(operation.name.local)Response") { soap, writer in
            if isList {
                writer.start("readResponseList")
                soap.status(nil, &writer)
            }
            for (type, record) in found {
                writer.start("readResponse")
                let missing = SuiteProblem(soap: "RCRD_DSNT_EXIST", message: "That record does not exist.")
                soap.status(record == nil ? missing : nil, &writer)
                if let record { printer.write("record", type, record, &writer) }
                writer.end()
            }
            if isList { writer.end() }
        }
    }

    private func readAll(_ operation: XMLElement, _ soap: SuiteSOAP) throws(SuiteFault) -> HTTPResponse {
        guard let name = operation["record"]?.attribute("recordType"), let type = SuiteSchema.whole.find(name),
            ["currency", "salesTaxItem", "taxType", "paymentMethod", "term"].contains(type.name)
        else { throw .bean("Invalid recordType \(operation["record"]?.attribute("recordType") ?? "")") }
        let records = all(type)
        let printer = SuiteSOAPPrinter(state: self, soap: soap, bodyOnly: false)
        return soap.answer("getAllResponse") { soap, writer in
            writer.start("platformCore:getAllResult")
            soap.status(nil, &writer)
            writer.element("platformCore:totalRecords", String(records.count))
            writer.start("platformCore:recordList")
            for record in records { printer.write("platformCore:record", type, record, &writer) }
            writer.end()
            writer.end()
        }
    }

    private func initialize(_ operation: XMLElement, _ soap: SuiteSOAP) throws(SuiteFault) -> HTTPResponse {
        guard let asked = operation["initializeRecord"], let target = asked["type"]?.text.split(separator: ":").last.map(String.init),
            let reference = asked["reference"], let type = SuiteSchema.whole.types[target]
        else { throw .bean("Invalid element in initializeRecord") }
        let from = try self.type(of: reference)
        let record = find(from, reference)
        let draft = record.flatMap { transformed($0, target) }
        let printer = SuiteSOAPPrinter(state: self, soap: soap, bodyOnly: false)
        return soap.answer("initializeResponse") { soap, writer in
            writer.start("readResponse")
            let wrong = SuiteProblem.user("That is not a valid initialize operation.", soap: "INVALID_INITIALIZE_REF")
            soap.status(record == nil ? .noRecord : draft == nil ? wrong : nil, &writer)
            if let draft {
                var values = draft.values
                for (name, lines) in draft.lists { values[name] = .array(lines.lines.map { Self.object($0) }) }
                printer.write("record", type, id: nil, external: nil, values, &writer)
            }
            writer.end()
        }
    }

    private func deleted(_ operation: XMLElement, _ soap: SuiteSOAP) -> HTTPResponse {
        let filter = operation["getDeletedFilter"]
        let types = filter?["type"]?.all("searchValue").map(\.text) ?? []
        let date = filter?["deletedDate"].map { SuiteCriterion($0) }
        let found = gone.filter { gone in
            (types.isEmpty || types.contains(gone.record.type)) && (date?.matches(time: gone.at) ?? true)
        }
        let page = max(1, Int(operation["pageIndex"]?.text ?? "") ?? 1)
        let pageSize = 1000
        let shown = Array(found.dropFirst((page - 1) * pageSize).prefix(pageSize))
        return soap.answer("getDeletedResponse") { soap, writer in
            writer.start("platformCore:getDeletedResult")
            soap.status(nil, &writer)
            writer.element("platformCore:totalRecords", String(found.count))
            writer.element("platformCore:pageSize", String(pageSize))
            writer.element("platformCore:totalPages", String((found.count + pageSize - 1) / pageSize))
            writer.element("platformCore:pageIndex", String(page))
            writer.start("platformCore:deletedRecordList")
            for gone in shown {
                writer.start("platformCore:deletedRecord")
                writer.element("platformCore:deletedDate", SuiteTime.soap(gone.at.description))
                soap.base("platformCore:record", gone.record.type, gone.record.id, gone.record.externalID, &writer)
                writer.end()
            }
            writer.end()
            writer.end()
        }
    }
}

extension String {
    /// `1234567_SB1` → `1234567-sb1`
    var hostName: String { String(lowercased().map { $0 == "_" ? "-" : $0 }) }
}
