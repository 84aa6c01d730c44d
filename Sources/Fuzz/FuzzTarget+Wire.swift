internal import Kernel
internal import Wire

extension FuzzTarget {
    static func json(_ input: [UInt8]) -> Verdict {
        let tree: JSON
        do throws(Fault) { tree = try JSON(parsing: input) } catch { return refused(error, "malformed_json", error.summary) }
        guard survives(tree, { $0.bytes }, { (bytes) throws(Fault) in try JSON(parsing: bytes) }) else { return changed }
        return .fine("read \(size(input.count))")
    }

    static func json5(_ input: [UInt8]) -> Verdict {
        let text = String(decoding: input, as: UTF8.self)
        let strict = try? JSON(parsing: Array(text.utf8))
        let tree: JSON
        do throws(Fault) { tree = try JSON(json5: text) } catch {
            if strict != nil { return .broken("JSON is refused: \(error.summary)") }
            return refused(error, "malformed_json", error.summary)
        }
        if let strict, strict != tree { return .broken("JSON is read as something else") }
        guard survives(tree, { $0.bytes }, { (bytes) throws(Fault) in try JSON(parsing: bytes) }),
            survives(tree, { $0.bytes }, { (bytes) throws(Fault) in try JSON(json5: String(decoding: bytes, as: UTF8.self)) })
        else { return changed }
        return .fine("read \(strict == nil ? "more than JSON" : "JSON") \(size(input.count))")
    }

    static func xml(_ input: [UInt8]) -> Verdict {
        let element: XMLElement
        do throws(Fault) { element = try XMLElement(parsing: input) } catch { return refused(error, "malformed_xml", gist(error.summary)) }
        // An element may have to declare what those around it declared, so each attribute may bring another.
        var bounds = XMLBounds()
        bounds.attributes *= 2
        guard survives(element, { $0.bytes }, { (bytes) throws(Fault) in try XMLElement(parsing: bytes, bounds: bounds) }) else { return changed }
        return .fine("read \(size(input.count))")
    }

    static func csv(_ input: [UInt8]) -> Verdict {
        let rows: [[String]]
        do throws(Fault) { rows = try csvRows(input) } catch { return refused(error, "malformed_csv", gist(error.summary)) }
        guard survives(rows, csvBytes, csvRows) else { return changed }
        return .fine("read \(min(4, rows.count)) \(min(4, rows.first?.count ?? 0))")
    }

    /// A refusal is fine where it is the one that the reader is there for.
    private static func refused(_ fault: Fault, _ code: String, _ outcome: String) -> Verdict { fault.code == code ? .fine(outcome) : .broken("fault \(fault.code)") }

    private static let changed = Verdict.broken("another document after writing and reading")

    /// Whether it can be written, and is read again as the same: to the byte, for texts that only look the same are not. What nobody can read again did not survive.
    private static func survives<Value: Equatable>(_ value: Value, _ write: (Value) -> [UInt8]?, _ read: ([UInt8]) throws(Fault) -> Value) -> Bool {
        guard let written = write(value), let again = try? read(written) else { return false }
        return again == value && write(again) == written
    }

    private static func csvBytes(_ rows: [[String]]) -> [UInt8] {
        var writer = CSVWriter()
        for row in rows { writer.row(row) }
        return writer.bytes
    }

    private static func csvRows(_ bytes: [UInt8]) throws(Fault) -> [[String]] {
        var reader = CSVReader(bytes)
        var rows: [[String]] = []
        while let row = try reader.next() { rows.append(row) }
        return rows
    }

    /// The first line is a `Content-Type`, the rest a body under the boundary that it names, or under `b`.
    static func multipart(_ input: [UInt8]) -> Verdict {
        let line = input.prefix { $0 != 10 }
        let boundary = Multipart.boundary(of: String(decoding: line, as: UTF8.self)) ?? "b"
        let parts: [MultipartPart]
        do throws(Fault) { parts = try Multipart.read(Array(input.dropFirst(line.count + 1)), boundary: boundary) } catch {
            return refused(error, "malformed_multipart", error.summary)
        }
        // A body that holds the boundary somewhere within a line can be read, but not be written under the same one.
        guard Multipart.write(parts, boundary: boundary) != nil else { return .fine("read, not writable") }
        guard survives(parts, { Multipart.write($0, boundary: boundary) }, { (bytes) throws(Fault) in try Multipart.read(bytes, boundary: boundary) }) else { return changed }
        let names = parts.filter { $0.name != nil || $0.filename != nil }.count
        return .fine("read \(min(4, parts.count)) \(min(2, names))")
    }

    static func form(_ input: [UInt8]) -> Verdict {
        let pairs = Form.decode(String(decoding: input, as: UTF8.self)), again = Form.decode(Form.encode(pairs))
        guard pairs.count == again.count, zip(pairs, again).allSatisfy({ isSame($0.name, $1.name) && isSame($0.value, $1.value) }) else {
            return .broken("other pairs after writing and reading")
        }
        let kinds = [pairs.contains { $0.name.isEmpty }, pairs.contains { $0.value.isEmpty }, pairs.contains { $0.value.contains("%") }, pairs.contains { $0.name.contains("\u{fffd}") }]
        return .fine("read \(size(pairs.count) / 2) \(kinds.map { $0 ? "1" : "0" }.joined())")
    }

    /// By bytes: texts that only look the same are not.
    private static func isSame(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }

    /// What kind of refusal it is: the names from the input that stand in the middle of the sentence are left out.
    private static func gist(_ summary: String) -> String {
        let words = summary.split { $0 == " " || $0 == ":" }
        return (words.dropFirst(5).prefix(3) + words.suffix(2)).filter { $0.utf8.allSatisfy { ($0 >= 97 && $0 <= 122) } }.joined(separator: " ")
    }
}
