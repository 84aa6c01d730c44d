/// Markup. What stands in a literal is ours; whatever is put in with `\(…)` came from outside and is escaped, unless it is markup itself.
struct HTML: Sendable, ExpressibleByStringInterpolation {
    private(set) var text: String

    init(stringLiteral ours: String) { text = ours }
    init(stringInterpolation parts: Parts) { text = parts.text }
    init() { text = "" }

    struct Parts: StringInterpolationProtocol, Sendable {
        var text = ""

        init(literalCapacity: Int, interpolationCount: Int) { text.reserveCapacity(literalCapacity + interpolationCount * 24) }

        mutating func appendLiteral(_ ours: String) { text += ours }
        mutating func appendInterpolation(_ outside: String) { HTML.escape(outside, into: &text) }
        mutating func appendInterpolation(_ number: Int) { text += String(number) }
        mutating func appendInterpolation(_ markup: HTML) { text += markup.text }
        mutating func appendInterpolation(_ markup: HTML?) { if let markup { text += markup.text } }
        mutating func appendInterpolation(_ all: [HTML]) { for markup in all { text += markup.text } }
        /// Only where it is so: an attribute, a part of a page.
        mutating func appendInterpolation(_ markup: @autoclosure () -> HTML, if so: Bool) { if so { text += markup().text } }
    }

    var isEmpty: Bool { text.isEmpty }

    /// Markup of our own making, for pages that are written piece by piece.
    mutating func tag(_ ours: StaticString) { text += ours.description }
    /// Whatever came from outside.
    mutating func say(_ outside: String) { HTML.escape(outside, into: &text) }

    static func + (a: HTML, b: HTML) -> HTML { "\(a)\(b)" }
    static func += (a: inout HTML, b: HTML) { a.text += b.text }

    static func escaped(_ outside: String) -> String {
        var out = ""
        out.reserveCapacity(outside.utf8.count + 16)
        escape(outside, into: &out)
        return out
    }

    private static func escape(_ outside: String, into out: inout String) {
        for scalar in outside.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case "'": out += "&#39;"
            case _ where scalar.value < 32 && scalar != "\n" && scalar != "\t": out += " "
            default: out.unicodeScalars.append(scalar)
            }
        }
    }
}

extension HTML {
    /// A table that scrolls by itself where the screen is narrow. The caption is read out; `showsCaption` also shows it.
    static func table(_ caption: String, _ heads: [Head], showsCaption: Bool = false, _ rows: [HTML], none: String = "Nothing here.") -> HTML {
        let cells: [HTML] = heads.map { head in
            let kind: HTML = head.isNumber ? " class=\"n\"" : ""
            let order: HTML = head.order.map { " aria-sort=\"\($0)\"" } ?? ""
            guard let link = head.link else { return "<th scope=\"col\"\(kind)\(order)>\(head.text)</th>" }
            return "<th scope=\"col\"\(kind)\(order)><a href=\"\(link)\">\(head.text)</a></th>"
        }
        let hidden: HTML = showsCaption ? "" : " class=\"sr\""
        let body: [HTML] = rows.isEmpty ? ["<tr><td class=\"none\" colspan=\"\(heads.count)\">\(none)</td></tr>"] : rows
        return """
            <div class="scroll" tabindex="0" role="region" aria-label="\(caption)"><table><caption\(hidden)>\(caption)</caption><thead><tr>\(cells)</tr></thead>\
            <tbody>\(body)</tbody></table></div>
            """
    }

    /// A column's head.
    struct Head: Sendable, ExpressibleByStringLiteral {
        var text: String
        var isNumber = false
        /// Sorts by this column.
        var link: String?
        /// `ascending` or `descending` where the rows are in this column's order.
        var order: String?

        init(stringLiteral text: String) { self.text = text }
        init(_ text: String, isNumber: Bool = false, link: String? = nil, order: String? = nil) {
            self.text = text
            self.isNumber = isNumber
            self.link = link
            self.order = order
        }

        static func number(_ text: String) -> Head { Head(text, isNumber: true) }
    }

    static func cell(_ text: String) -> HTML { "<td>\(text)</td>" }
    /// Lines up on the right.
    static func figure(_ text: String) -> HTML { "<td class=\"n\">\(text)</td>" }
    static func figure(_ number: Int) -> HTML { number == 0 ? "<td class=\"n zero\">0</td>" : "<td class=\"n\">\(Prose.count(number))</td>" }
    static func rowHead(_ markup: HTML) -> HTML { "<th scope=\"row\">\(markup)</th>" }
}
