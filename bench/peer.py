"""The first version of the service, with the routes that its author would have added next in the same way."""

import json

from app import User, app, db  # of tests/v1, which gunicorn is told to look into
from flask import request


def shown(user):
    return {"id": user.id, "name": user.username, "email": user.email}


@app.route("/users/<int:number>")
def user(number):
    return json.dumps(shown(db.get_or_404(User, number)))


@app.route("/page")
def page():
    after, limit = int(request.args["after"]), int(request.args["limit"])
    users = User.query.filter(User.id > after).order_by(User.id).limit(limit)
    return json.dumps([shown(user) for user in users])


@app.route("/users", methods=["POST"])
def create():
    user = User(username=request.json["name"], email=request.json["email"])
    db.session.add(user)
    db.session.commit()
    return json.dumps(shown(user)), 201
