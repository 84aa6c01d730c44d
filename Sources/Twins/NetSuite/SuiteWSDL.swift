internal import Kernel
internal import Wire

/// The service's WSDL and XSDs, in the namespaces of whatever version is asked for: what `SuiteSchema` and `SuiteMessages` have, in our own words.
enum SuiteWSDL {
    static let addressFields = ["country", "attention", "addressee", "addrPhone", "addr1", "addr2", "addr3", "city", "state", "zip", "addrText", "override"]

    /// Folder, file and area of each schema. Their order is that of the vendor's WSDL: zeep numbers its prefixes by it, and clients rely on that.
    static let schemas: [(folder: String, file: String, area: String)] = [
        ("platform", "core", "core.platform"), ("platform", "coreTypes", "types.core.platform"), ("platform", "faults", "faults.platform"),
        ("platform", "faultTypes", "types.faults.platform"), ("platform", "messages", "messages.platform"), ("platform", "common", "common.platform"),
        ("platform", "commonTypes", "types.common.platform"), ("activities", "scheduling", "scheduling.activities"),
        ("activities", "schedulingTypes", "types.scheduling.activities"), ("general", "communication", "communication.general"),
        ("general", "communicationTypes", "types.communication.general"), ("documents", "fileCabinet", "filecabinet.documents"),
        ("documents", "fileCabinetTypes", "types.filecabinet.documents"), ("lists", "relationships", "relationships.lists"),
        ("lists", "relationshipTypes", "types.relationships.lists"), ("lists", "support", "support.lists"), ("lists", "supportTypes", "types.support.lists"),
        ("lists", "accounting", "accounting.lists"), ("lists", "accountingTypes", "types.accounting.lists"), ("transactions", "sales", "sales.transactions"),
        ("transactions", "saleTypes", "types.sales.transactions"), ("transactions", "purchases", "purchases.transactions"),
        ("transactions", "purchaseTypes", "types.purchases.transactions"), ("transactions", "customers", "customers.transactions"),
        ("transactions", "customerTypes", "types.customers.transactions"), ("transactions", "financial", "financial.transactions"),
        ("transactions", "financialTypes", "types.financial.transactions"), ("transactions", "bank", "bank.transactions"),
        ("transactions", "bankTypes", "types.bank.transactions"), ("transactions", "inventory", "inventory.transactions"),
        ("transactions", "inventoryTypes", "types.inventory.transactions"), ("transactions", "general", "general.transactions"),
        ("setup", "customization", "customization.setup"), ("setup", "customizationTypes", "types.customization.setup"),
        ("lists", "employees", "employees.lists"),
        ("lists", "employeeTypes", "types.employees.lists"), ("lists", "website", "website.lists"), ("lists", "websiteTypes", "types.website.lists"),
        ("transactions", "employees", "employees.transactions"), ("transactions", "employeeTypes", "types.employees.transactions"),
        ("lists", "marketing", "marketing.lists"), ("lists", "marketingTypes", "types.marketing.lists"),
    ]

    /// `/wsdl/v2025_2_0/netsuite.wsdl` and `/xsd/platform/v2025_2_0/core.xsd`.
    static func answer(_ request: HTTPRequest) -> HTTPResponse? {
        let parts = request.path.split(separator: "/").map(String.init)
        guard request.method == .get, parts.count == 3 || parts.count == 4 else { return nil }
        let folder = parts[parts.count - 2]
        guard folder.hasPrefix("v"), folder.hasSuffix("_0"), SuiteSOAP.versions.contains(String(folder.dropFirst().dropLast(2))) else { return nil }
        let soap = SuiteSOAP(version: String(folder.dropFirst().dropLast(2)))
        guard parts == ["wsdl", folder, "netsuite.wsdl"] else { return schema(parts, soap) }
        return file(wsdl(soap, address: "\(SuiteRoutes.base(request))/services/NetSuitePort_\(soap.version)"))
    }

    private static func schema(_ parts: [String], _ soap: SuiteSOAP) -> HTTPResponse? {
        guard parts.count == 4, parts[0] == "xsd",
            let found = schemas.first(where: { $0.folder == parts[1] && $0.file + ".xsd" == parts[3] })
        else { return nil }
        return file(xsd(soap, found.area))
    }

    private static func file(_ bytes: [UInt8]) -> HTTPResponse { HTTPResponse(200, fields: ["Content-Type": "text/xml; charset=utf-8"], body: bytes) }

    // MARK: - WSDL

    private static func wsdl(_ soap: SuiteSOAP, address: String) -> [UInt8] {
        var writer = XMLWriter(declaration: true)
        let own = "urn:platform_\(soap.version).webservices.netsuite.com"
        writer.start("definitions", [
            ("xmlns", "http://schemas.xmlsoap.org/wsdl/"), ("xmlns:soap", "http://schemas.xmlsoap.org/wsdl/soap/"),
            ("xmlns:xsd", "http://www.w3.org/2001/XMLSchema"),
            ("xmlns:tns", own), ("xmlns:platformMsgs", soap.messages), ("targetNamespace", own),
        ])
        writer.start("types")
        writer.start("xsd:schema", [("elementFormDefault", "qualified")])
        for schema in schemas {
            let place = "../../xsd/\(schema.folder)/v\(soap.version)_0/\(schema.file).xsd"
            empty("xsd:import", [("namespace", soap.namespace(schema.area)), ("schemaLocation", place)], &writer)
        }
        writer.end()
        writer.end()
        let headers = ["tokenPassport", "applicationInfo", "partnerInfo", "preferences", "searchPreferences"]
        for name in SuiteMessages.operations {
            message("\(name)Request", name, headers, &writer)
            message("\(name)Response", "\(name)Response", ["documentInfo"], &writer)
        }
        writer.start("portType", [("name", "NetSuitePortType")])
        for name in SuiteMessages.operations {
            writer.start("operation", [("name", name)])
            empty("input", [("name", "\(name)Request"), ("message", "tns:\(name)Request")], &writer)
            empty("output", [("name", "\(name)Response"), ("message", "tns:\(name)Response")], &writer)
            writer.end()
        }
        writer.end()
        binding(headers, &writer)
        writer.start("service", [("name", "NetSuiteService")])
        writer.start("port", [("name", "NetSuitePort"), ("binding", "tns:NetSuiteBinding")])
        empty("soap:address", [("location", address)], &writer)
        for _ in 0..<3 { writer.end() }
        return writer.bytes
    }

    private static func empty(_ name: String, _ attributes: [(String, String)], _ writer: inout XMLWriter) {
        writer.start(name, attributes)
        writer.end()
    }

    private static func message(_ name: String, _ element: String, _ headers: [String], _ writer: inout XMLWriter) {
        writer.start("message", [("name", name)])
        empty("part", [("name", "parameters"), ("element", "platformMsgs:\(element)")], &writer)
        for header in headers { empty("part", [("name", header), ("element", "platformMsgs:\(header)")], &writer) }
        writer.end()
    }

    private static func binding(_ headers: [String], _ writer: inout XMLWriter) {
        writer.start("binding", [("name", "NetSuiteBinding"), ("type", "tns:NetSuitePortType")])
        empty("soap:binding", [("style", "document"), ("transport", "http://schemas.xmlsoap.org/soap/http")], &writer)
        for name in SuiteMessages.operations {
            writer.start("operation", [("name", name)])
            empty("soap:operation", [("soapAction", name)], &writer)
            for (place, message, parts) in [("input", "\(name)Request", headers), ("output", "\(name)Response", ["documentInfo"])] {
                writer.start(place, [("name", message)])
                empty("soap:body", [("parts", "parameters"), ("use", "literal")], &writer)
                for part in parts { empty("soap:header", [("message", "tns:\(message)"), ("part", part), ("use", "literal")], &writer) }
                writer.end()
            }
            writer.end()
        }
        writer.end()
    }

    // MARK: - XSD

    private static func xsd(_ soap: SuiteSOAP, _ area: String) -> [UInt8] {
        var writer = XMLWriter(declaration: true)
        let used = [("core", "core.platform"), ("coreTypes", "types.core.platform"), ("common", "common.platform")]
        var attributes = [("xmlns", "http://www.w3.org/2001/XMLSchema"), ("xmlns:tns", soap.namespace(area))]
        for (prefix, other) in used { attributes.append(("xmlns:\(prefix)", soap.namespace(other))) }
        writer.start("schema", attributes + [("targetNamespace", soap.namespace(area)), ("elementFormDefault", "qualified")])
        // What a schema imports is read before it is done: the order of prefixes hangs on it.
        let imports = ["core.platform": ["types.core.platform"], "messages.platform": ["core.platform"], "common.platform": ["core.platform"]]
        for other in imports[area] ?? (area.hasPrefix("types.") || area == "faults.platform" ? [] : ["core.platform", "common.platform"]) {
            guard let place = schemas.first(where: { $0.area == other }) else { continue }
            empty("import", [("namespace", soap.namespace(other)), ("schemaLocation", "../../\(place.folder)/v\(soap.version)_0/\(place.file).xsd")], &writer)
        }
        switch area {
        case "core.platform":
            for line in SuiteMessages.core { complex(line, &writer) }
            for type in SuiteMessages.shared { empty("element", [("name", type.prefix(1).lowercased() + type.dropFirst()), ("type", "tns:\(type)")], &writer) }
        case "types.core.platform": for (name, words) in SuiteMessages.words { simple(name, words, &writer) }
        case "messages.platform":
            for line in SuiteMessages.messages { complex(line, &writer) }
            for (name, type) in SuiteMessages.elements { empty("element", [("name", name), ("type", type)], &writer) }
        case "common.platform": shared(&writer)
        default: records(area, &writer)
        }
        writer.end()
        return writer.bytes
    }

    private static func simple(_ name: String, _ words: [String], _ writer: inout XMLWriter) {
        writer.start("simpleType", [("name", name)])
        writer.start("restriction", [("base", "string")])
        for word in words { empty("enumeration", [("value", word)], &writer) }
        writer.end()
        writer.end()
    }

    /// A line of `SuiteMessages`: `Name < Base | member:Type* @attribute:type`; `!` before the name of an abstract one, `^` before an element's
    /// reference, `=` before the type of a text with attributes.
    private static func complex(_ line: String, _ writer: inout XMLWriter) {
        let halves = line.split(separator: "|", maxSplits: 1).map(String.init)
        var head = halves[0].split(separator: " ").map(String.init)
        let isAbstract = head[0].hasPrefix("!")
        if isAbstract { head[0].removeFirst() }
        let words = halves.count > 1 ? halves[1].split(whereSeparator: { $0 == " " || $0 == "\n" }).map(String.init) : []
        writer.start("complexType", [("name", head[0])] + (isAbstract ? [("abstract", "true")] : []))
        let base = head.count == 3 ? head[2] : nil
        if let base {
            let isText = base.hasPrefix("=")
            writer.start(isText ? "simpleContent" : "complexContent")
            writer.start("extension", [("base", isText ? String(base.dropFirst()) : type(base))])
            members(words, isText: isText, &writer)
            writer.end()
            writer.end()
        } else {
            members(words, isText: false, &writer)
        }
        writer.end()
    }

    private static func members(_ words: [String], isText: Bool, _ writer: inout XMLWriter) {
        if !isText {
            writer.start("sequence")
            for word in words where !word.hasPrefix("@") {
                var attributes = [("minOccurs", "0")]
                var name = word
                if name.hasSuffix("*") {
                    name.removeLast()
                    attributes.append(("maxOccurs", "unbounded"))
                }
                if name.hasPrefix("^") {
                    empty("element", [("ref", String(name.dropFirst()))] + attributes, &writer)
                } else {
                    let parts = name.split(separator: ":", maxSplits: 1).map(String.init)
                    empty("element", [("name", parts[0]), ("type", type(parts[1]))] + attributes, &writer)
                }
            }
            writer.end()
        }
        for word in words where word.hasPrefix("@") {
            let parts = word.dropFirst().split(separator: ":", maxSplits: 1).map(String.init)
            empty("attribute", [("name", parts[0]), ("type", type(parts[1]))], &writer)
        }
    }

    /// Names with a capital belong to the schema itself, unless they have a prefix.
    private static func type(_ name: String) -> String { name.contains(":") || name.first?.isLowercase == true ? name : "tns:\(name)" }

    private static func shared(_ writer: inout XMLWriter) {
        complex("Address | internalId:string " + addressFields.map { "\($0):\($0 == "override" ? "boolean" : "string")" }.joined(separator: " "), &writer)
        let kinds = ["S": "String", "M": "MultiSelect", "E": "EnumMultiSelect", "B": "Boolean", "D": "Date", "N": "Double", "L": "Long"]
        for table in SuiteSearchTypes.tables {
            let fields = table.order.map { "\($0):core:Search\(kinds[table.fields[$0] ?? ""] ?? "String")Field" }
            complex("\(table.name)SearchBasic < core:SearchRecordBasic | \(fields.joined(separator: " "))", &writer)
        }
        if let details = SuiteSchema.whole.types["invoice"]?.list("taxDetails") { lines(details, &writer) }
    }

    private static func records(_ area: String, _ writer: inout XMLWriter) {
        for type in SuiteSchema.whole.order where type.area == area {
            var words = type.fields.map { "\($0.soap):\(kind($0.kind))" }
            words += type.lists.map { "\($0.wrapper):\($0.type == "TaxDetails" ? "common:" : "")\($0.type)List" }
            words += ["customFieldList:core:CustomFieldList", "@internalId:string", "@externalId:string"]
            complex("\(type.soap) < core:Record | \(words.joined(separator: " "))", &writer)
            for list in type.lists where list.type != "TaxDetails" { lines(list, &writer) }
        }
        // Some clients look for these types when they start; the service takes no such records.
        if area == "general.transactions", let journal = SuiteSchema.whole.types["journalEntry"]?.list("line") {
            let name = "AdvInterCompanyJournalEntry"
            complex("\(name) < core:Record | lineList:\(name)LineList @internalId:string @externalId:string", &writer)
            lines(SuiteList(name: "line", wrapper: "lineList", element: "line", type: name + "Line", key: "line", fields: journal.fields), &writer)
        }
        for table in SuiteSearchTypes.tables where table.area == area {
            complex("\(table.name)Search < core:SearchRecord | basic:common:\(table.name)SearchBasic", &writer)
        }
    }

    private static func lines(_ list: SuiteList, _ writer: inout XMLWriter) {
        let words = list.fields.map { "\($0.soap):\(kind($0.kind))" } + ["customFieldList:core:CustomFieldList"]
        complex("\(list.type) | \(words.joined(separator: " "))", &writer)
        writer.start("complexType", [("name", "\(list.type)List")])
        writer.start("sequence")
        empty("element", [("name", list.element), ("type", "tns:\(list.type)"), ("minOccurs", "0"), ("maxOccurs", "unbounded")], &writer)
        writer.end()
        empty("attribute", [("name", "replaceAll"), ("type", "boolean"), ("default", "true")], &writer)
        writer.end()
    }

    private static func kind(_ kind: SuiteKind) -> String {
        switch kind {
        case .text, .rate, .choice: "string"
        case .flag, .choiceOfTwo: "boolean"
        case .whole, .document: "long"
        case .money, .decimal: "double"
        case .date, .time: "dateTime"
        case .reference: "core:RecordRef"
        case .address: "common:Address"
        }
    }
}
