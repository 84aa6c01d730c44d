internal import Kernel
internal import Wire

/// Writes records as elements, fields in the order of the XSD.
struct SuiteSOAPPrinter {
    let state: SuiteState
    let soap: SuiteSOAP
    /// Without sublists, as searches answer by default.
    let bodyOnly: Bool

    func write(_ element: String, _ type: SuiteType, _ record: SuiteRecord, _ writer: inout XMLWriter) {
        write(element, type, id: record.id, external: record.externalID, state.shown(record), &writer)
    }

    func write(_ element: String, _ type: SuiteType, id: Int?, external: String?, _ values: [String: JSON], _ writer: inout XMLWriter) {
        var attributes = [("xmlns:rec", soap.namespace(type.area)), ("xsi:type", "rec:\(type.soap)")]
        if let id { attributes.append(("internalId", String(id))) }
        if let external { attributes.append(("externalId", external)) }
        writer.start(element, attributes)
        for field in type.fields {
            if let value = values[field.name] { write(field, value, &writer) }
        }
        if !bodyOnly {
            for list in type.lists {
                guard let lines = values[list.name]?.array, !lines.isEmpty else { continue }
                writer.start("rec:\(list.wrapper)", [("replaceAll", "false")])
                for line in lines {
                    // Lines of tax details are the same of all records, and have their namespace.
                    let prefix = list.type == "TaxDetails" ? "platformCommon" : "rec"
                    writer.start("\(prefix):\(list.element)")
                    for field in list.fields {
                        if let value = line[field.name] { write(field, value, &writer, prefix) }
                    }
                    custom(Dictionary((line.object ?? []).map { ($0.key, $0.value) }) { $1 }, &writer)
                    writer.end()
                }
                writer.end()
            }
        }
        custom(values, &writer)
        writer.end()
    }

    private func write(_ field: SuiteField, _ value: JSON, _ writer: inout XMLWriter, _ prefix: String = "rec") {
        let name = "\(prefix):\(field.soap)"
        switch field.kind {
        case .reference(let target):
            guard let id = value.string else { return }
            let family = SuiteSchema.whole.family(target)
            writer.start(name, [("internalId", id)])
            if let shown = target.isEmpty ? nil : state.name(family, Int(id)) { writer.element("platformCore:name", shown) }
            writer.end()
        case .date: writer.element(name, (value.string ?? "") + "T00:00:00.000Z")
        case .time: writer.element(name, SuiteTime.soap(value.string ?? ""))
        case .flag, .choiceOfTwo: writer.element(name, value.isTrue ? "true" : "false")
        case .choice: writer.element(name, SuiteWords.soap(value.string ?? ""))
        case .address:
            writer.start(name)
            for key in SuiteWSDL.addressFields {
                guard let text = value[key]?.plain else { continue }
                writer.element("platformCommon:\(key)", key == "country" ? SuiteWords.soap(text) : text)
            }
            writer.end()
        default: writer.element(name, value.plain ?? "")
        }
    }

    private func custom(_ values: [String: JSON], _ writer: inout XMLWriter) {
        let own = values.filter { $0.key.hasPrefix("cust") && $0.key.contains("_") }.sorted { $0.key < $1.key }
        guard !own.isEmpty else { return }
        writer.start("rec:customFieldList")
        for (key, value) in own {
            let kind: String
            switch value {
            case .bool: kind = "Boolean"
            case .number(let digits): kind = digits.contains(".") ? "Double" : "Long"
            case .object: kind = "Select"
            default: kind = "String"
            }
            writer.start("platformCore:customField", [("scriptId", key), ("xsi:type", "platformCore:\(kind)CustomFieldRef")])
            if kind == "Select" {
                writer.start("platformCore:value", [("internalId", value["id"]?.plain ?? "")])
                writer.end()
            } else {
                writer.element("platformCore:value", value.bool.map { $0 ? "true" : "false" } ?? value.plain ?? "")
            }
            writer.end()
        }
        writer.end()
    }
}
