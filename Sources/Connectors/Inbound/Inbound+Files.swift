public import ConnectorKit
internal import Kernel
internal import Wire

extension InboundConnector {
    public var layouts: [(name: String, columns: [String])] { Layout.all(profile).map { ($0.name, $0.columns.map(\.name)) } }

    /// All of a file's documents as events of the contract, or what is wrong with it.
    public func records(of bytes: [UInt8], layout: String, digest: String, _ connection: ConnectionFacts) -> ContractFile {
        guard let found = Layout.all(profile).first(where: { $0.name == layout }) else {
            let known = Layout.all(profile).map(\.name).joined(separator: ", ")
            return ContractFile(records: [], findings: [ContractFinding("layout", "is not one of this connection's", "Known are \(known).")])
        }
        var reading = FileReading(found, refusesUnknown: connection.settings[InboundSettings.unknownKey] != "warn")
        reading.read(bytes)
        var out = ContractFile(records: [], findings: reading.findings, warnings: reading.warnings)
        for (n, document) in reading.documents.enumerated() {
            let event = document.event(layout: found, id: "file:\(digest.prefix(48)):\(n + 1)")
            for finding in check(event, connection).findings where out.findings.count < InboundLimits.findings {
                out.findings.append(ContractFinding("line \(document.line), \(finding.pointer)", finding.why, finding.remedy))
            }
            out.records.append(RawRecord(topic: event["type"]?.string ?? "", deliveryID: event["id"]?.string ?? "", body: event.bytes))
        }
        if !out.findings.isEmpty { out.records = [] }
        return out
    }
}

/// Rows gathered into documents.
private struct FileReading {
    private let layout: Layout
    private let refusesUnknown: Bool
    private(set) var documents: [FileDocument] = []
    private(set) var findings: [ContractFinding] = []
    private(set) var warnings: [ContractFinding] = []
    private var seen: Set<String> = []

    init(_ layout: Layout, refusesUnknown: Bool) {
        self.layout = layout
        self.refusesUnknown = refusesUnknown
    }

    mutating func add(_ place: String, _ why: String, _ remedy: String) {
        if findings.count < InboundLimits.findings { findings.append(ContractFinding(place, why, remedy)) }
    }

    mutating func read(_ bytes: [UInt8]) {
        var form = CSVForm()
        form.bytes = InboundLimits.fileBytes
        form.fieldBytes = InboundLimits.cellBytes
        form.columns = 200
        var reader = CSVReader(bytes, form: form)
        do throws(Fault) {
            guard let header = try reader.next() else { return add("line 1", "is missing: the file is empty", "Begin with the header names.") }
            let columns = self.columns(of: header)
            guard findings.isEmpty else { return }
            // Lines as rows are counted: a line break within quotes makes no row.
            var line = 1
            while let row = try reader.next() {
                line += 1
                take(row, columns, line)
                guard documents.count <= InboundLimits.objects else {
                    return add("line \(line)", "is the \(InboundLimits.objects + 1)st document", "Send at most \(InboundLimits.objects) documents in a file.")
                }
            }
            if documents.isEmpty, findings.isEmpty { add("line 2", "is missing: the file has a header alone", "Send a row for each document.") }
        } catch { add(error.position ?? "line 1", error.summary, error.remedy) }
    }

    /// By position in the row; `nil` for what is passed over.
    private mutating func columns(of header: [String]) -> [Column?] {
        var out: [Column?] = []
        for (n, name) in header.enumerated() {
            let column = layout.columns.first { $0.name == name }
            if column != nil, header[..<n].contains(name) { add("line 1, column \(n + 1)", "is there twice: \(name)", "Leave one of them out.") }
            if column == nil {
                let shown = String(String.UnicodeScalarView(name.unicodeScalars.prefix(64).map { $0.value < 32 || $0.value == 127 ? "?" : $0 }))
                let known = layout.columns.map(\.name).joined(separator: ", ")
                let finding = ContractFinding("line 1, column \(n + 1)", "is not a column of \(layout.name): \(shown)", "Known are \(known).")
                if refusesUnknown { add(finding.pointer, finding.why, finding.remedy) } else { warnings.append(finding) }
            }
            out.append(column)
        }
        for name in ["object_id", "object_version", "occurred_at"] where !header.contains(name) {
            add("line 1", "has no column \(name)", "Add it.")
        }
        return out
    }

    private mutating func take(_ row: [String], _ columns: [Column?], _ line: Int) {
        var cells: [(column: Column, text: String)] = []
        for (column, text) in zip(columns, row) {
            if let column, !text.isEmpty { cells.append((column, text)) }
        }
        guard let id = cells.first(where: { $0.column.target == .envelope("object_id") })?.text else {
            return add("line \(line), column object_id", "is empty", "Name the document in each of its rows.")
        }
        if documents.last?.id != id {
            guard seen.insert(id).inserted else {
                return add(
                    "line \(line), column object_id", "has rows apart from each other",
                    "Sort the file by object_id; one file tells one version of a document.")
            }
            documents.append(FileDocument(id: id, line: line))
        }
        let last = documents.count - 1
        if let conflict = documents[last].take(cells) {
            add(
                "line \(line), column \(conflict)", "differs from the document's earlier rows, or is not of its form",
                "State it once, or the same in each row; flags are true or false.")
        }
    }
}

/// What rows say of one document.
private struct FileDocument {
    let id: String
    /// Its first row.
    let line: Int
    private var envelope: [(key: String, value: JSON)] = []
    private var data: JSON = [:]
    private var lines: [JSON] = []
    private var entries: [String: [JSON]] = [:]
    private var taxes: [JSON] = []

    init(id: String, line: Int) {
        self.id = id
        self.line = line
    }

    /// The name of a column that contradicts what is known; `nil` when the row is taken.
    mutating func take(_ cells: [(column: Column, text: String)]) -> String? {
        var line: JSON = [:], tax: JSON = [:], headTax: JSON = [:], entry: [String: JSON] = [:]
        for (column, text) in cells {
            guard let value = Self.value(text, column.cell) else { return column.name }
            switch column.target {
            case .envelope(let name):
                if let known = envelope.first(where: { $0.key == name }) {
                    guard known.value == value else { return column.name }
                } else {
                    envelope.append((name, value))
                }
            case .head(let path): guard put(value, at: path) else { return column.name }
            case .line(let name): line = line.setting(name, value)
            case .tax(let name): tax = tax.setting(name, value)
            case .headTax(let name): headTax = headTax.setting(name, value)
            case .entry(let list, let name): entry[list] = (entry[list] ?? [:]).setting(name, value)
            }
        }
        if headTax != [:] { taxes.append(headTax) }
        for (list, value) in entry { entries[list, default: []].append(value) }
        return add(line, tax)
    }

    /// A row with the line's id again only adds a tax to it.
    private mutating func add(_ line: JSON, _ tax: JSON) -> String? {
        let isMore = line["id"] != nil && lines.last?["id"] == line["id"]
        if isMore, let last = lines.last {
            for (name, value) in line.object ?? [] where last[name] != value { return name == "id" ? "line_id" : name }
        } else if line != [:] {
            lines.append(line)
        }
        guard tax != [:] else { return nil }
        guard let last = lines.last, line != [:] else { return "tax_amount" }
        lines[lines.count - 1] = last.setting("taxes", .array((last["taxes"]?.array ?? []) + [tax]))
        return nil
    }

    private mutating func put(_ value: JSON, at path: [String]) -> Bool {
        guard let first = path.first else { return false }
        guard path.count > 1 else {
            if let known = data[first] { return known == value }
            data = data.setting(first, value)
            return true
        }
        let inner = data[first] ?? [:]
        if let known = inner[path[1]] { return known == value }
        data = data.setting(first, inner.setting(path[1], value))
        return true
    }

    private static func value(_ text: String, _ cell: Cell) -> JSON? {
        switch cell {
        case .text: .string(text)
        case .flag: text == "true" ? true : text == "false" ? false : nil
        case .version: Int(text).map { .number("\($0)") }
        }
    }

    func event(layout: Layout, id own: String) -> JSON {
        func cell(_ name: String) -> JSON? { envelope.first { $0.key == name }?.value }
        let verb = cell("event")?.string ?? InboundVerb.updated.rawValue
        var members: [(key: String, value: JSON)] = [("id", .string(own)), ("type", .string("\(layout.object.rawValue).\(verb)"))]
        for name in ["occurred_at", "object_id", "object_version"] { if let value = cell(name) { members.append((name, value)) } }
        var data = data
        let isDeleted = verb == InboundVerb.deleted.rawValue
        if layout.hasLines, !isDeleted, layout.needsLines || !lines.isEmpty { data = data.setting("lines", .array(lines)) }
        for (list, values) in entries.sorted(by: { $0.key < $1.key }) { data = data.setting(list, .array(values)) }
        if !taxes.isEmpty { data = data.setting("taxes", .array(taxes)) }
        if data != [:] || !isDeleted { members.append(("data", data)) }
        return .object(members)
    }
}
